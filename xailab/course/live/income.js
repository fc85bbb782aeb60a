// The second part of the page: a person, the probability, Shapley values and LIME.

const OUTPUT = "probability of income > 50K";
const LIME_ROWS = 5000;

function incomePart({ features, columns, background, people, network }) {
  const net = readIncomeNet(network);
  const inputs = [];
  let seed = 0;
  let waiting = 0;

  const start = oneAtATime((share) => (byId("asking").value = share));

  // --- one control per feature -------------------------------------------------------------------

  // A category is a menu; a number is a slider over the values that occur in the training set.
  function control(feature, j) {
    const id = `feature-${j}`;
    const label = element("label", { for: id }, feature.name);
    if (feature.names) {
      const select = element("select", { id });
      feature.names.forEach((name, code) => select.append(element("option", { value: code }, name)));
      inputs[j] = { read: () => Number(select.value), write: (value) => (select.value = value) };
      select.addEventListener("change", changed);
      return element("p", { class: "row" }, label, select);
    }
    const values = columns[j].values;
    const range = element("input", { id, type: "range", min: 0, max: values.length - 1, step: 1 });
    const output = element("output", { for: id });
    const say = () => {
      const text = valueText(feature, values[range.value]);
      output.textContent = text;
      range.setAttribute("aria-valuetext", text);
    };
    inputs[j] = {
      read: () => values[range.value],
      write: (value) => {
        range.value = values.findIndex((v) => v >= value);
        say();
      },
    };
    range.addEventListener("input", () => {
      say();
      changed();
    });
    return element("p", { class: "row" }, label, range, output);
  }

  const row = () => inputs.map((input) => input.read());

  function choose(person) {
    person.row.forEach((value, j) => inputs[j].write(value));
    update();
  }

  function changed() {
    byId("who").value = "own";
    showProbability();
    // while a slider moves, only the probability follows
    clearTimeout(waiting);
    waiting = setTimeout(update, 120);
  }

  // --- the answers -------------------------------------------------------------------------------

  function showProbability() {
    const p = probabilities(net, [row()])[0];
    const bar = element("span", { class: "fill" });
    bar.style.width = `${100 * p}%`;
    byId("probability").replaceChildren(
      element("span", {}, "Probability of income > 50K: "),
      element("strong", {}, p.toFixed(3)),
      element("span", { class: "meter", "aria-hidden": "true" }, bar),
    );
  }

  function update() {
    showProbability();
    const x = row();
    const count = Number(byId("rows").value);
    return start(async (pause) => {
      const began = performance.now();
      byId("asking").classList.add("on");
      const found = await exactShapley(net, x, background.slice(0, count), pause);
      byId("asking").classList.remove("on");
      byId("waterfall").dataset.milliseconds = String(Math.round(performance.now() - began));
      showWaterfall(x, found, count);
      await nextTask();
      await pause(1);
      showLime(x);
    });
  }

  const names = (x) => features.map((feature, j) => `${feature.name} = ${valueText(feature, x[j])}`);
  const byWeight = (values) => largest(Array.from(values, Math.abs), values.length);

  function showWaterfall(x, { values, base, prediction, evaluations }, count) {
    const labels = names(x);
    const order = byWeight(values);
    drawWaterfall(byId("waterfall"), { labels, values, base, prediction }, OUTPUT, `the mean over ${count} background people`);
    const said = order.slice(0, 3).map((j) => `${labels[j]} ${values[j] < 0 ? "lowers" : "raises"} it by ${Math.abs(values[j]).toFixed(3)}`);
    byId("shapley-readout").textContent =
      `From the base value ${base.toFixed(3)} to the prediction ${prediction.toFixed(3)}: ${said.join("; ")}. ` +
      `The network was asked ${grouped(evaluations)} times.`;
  }

  function showLime(x) {
    const rows = drawRows(x, columns, LIME_ROWS, randomNumbers(seed));
    const found = limeFit(net, rows, columns);
    const labels = features.map((feature, j) => condition(feature.name, x[j], { ...columns[j], names: feature.names }));
    const order = byWeight(found.weights);
    const scale = axis(Math.min(...found.weights, 0), Math.max(...found.weights, 0));
    const bars = order.map((j) => ({ label: labels[j], value: found.weights[j], from: 0, to: found.weights[j] }));
    drawBars(byId("lime"), bars, scale, [[0, "base"]], `weight: change of the ${OUTPUT}`);
    byId("lime").append(
      element("p", {}, `Kernel width ${(0.75 * Math.sqrt(net.d)).toFixed(2)}, quartile bins, seed ${seed}. A weight says what meeting the condition adds. Orange raises, blue lowers.`),
    );
    const error = found.local - found.prediction;
    const top = order.slice(0, 3).map((j) => `${labels[j]} (${signed(found.weights[j], 2)})`);
    byId("lime-readout").textContent =
      `The line gives ${found.local.toFixed(3)} where the network gives ${found.prediction.toFixed(3)} ` +
      `(error ${signed(error)}; R² ${found.r2.toFixed(2)}). Strongest conditions: ${top.join("; ")}.`;
    document.body.dataset.explained = "yes";
  }

  // --- controls ----------------------------------------------------------------------------------

  features.forEach((feature, j) => byId("features").append(control(feature, j)));
  people.forEach(({ name }, i) => byId("who").append(element("option", { value: i }, name)));
  byId("who").append(element("option", { value: "own" }, "as set below"));
  byId("who").addEventListener("change", () => {
    const person = people[byId("who").value];
    if (person) choose(person);
  });
  byId("rows").addEventListener("input", () => {
    byId("rows-value").textContent = byId("rows").value;
    clearTimeout(waiting);
    waiting = setTimeout(update, 120);
  });
  byId("again").addEventListener("click", () => {
    seed += 1;
    showLime(row());
  });
  byId("person").addEventListener("submit", (event) => event.preventDefault());
  choose(people[0]);
}
