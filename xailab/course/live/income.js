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
      const text = shown(feature, values[range.value]);
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

  function shown(feature, value) {
    if (feature.names) return feature.names[value];
    const meaning = feature.meanings ? `, ${feature.meanings[value]}` : "";
    return `${feature.before}${grouped(value)}${feature.after}${meaning}`;
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

  const names = (x) => features.map((feature, j) => `${feature.name} = ${shown(feature, x[j])}`);
  const byWeight = (values) => largest(Array.from(values, Math.abs), values.length);

  function showWaterfall(x, { values, base, prediction, evaluations }, count) {
    const labels = names(x);
    const order = byWeight(values);
    const ends = [prediction];
    for (const j of order) ends.push(ends[ends.length - 1] - values[j]);
    const scale = axis(Math.min(...ends, 0.0), Math.max(...ends));
    const bars = order.map((j, i) => ({ label: labels[j], value: values[j], from: ends[i + 1], to: ends[i] }));
    drawBars(byId("waterfall"), bars, scale, [
      [base, "base"],
      [prediction, "prediction"],
    ], OUTPUT);
    byId("waterfall").append(
      element("p", { class: "hint" }, `Dotted: base value ${base.toFixed(3)}, the mean over ${count} background people. `,
        `Dashed: prediction ${prediction.toFixed(3)}. Orange raises, blue lowers.`),
    );
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
      element("p", { class: "hint" }, `Kernel width ${(0.75 * Math.sqrt(net.d)).toFixed(2)}, quartile bins, seed ${seed}. A weight says what meeting the condition adds. Orange raises, blue lowers.`),
    );
    const error = found.local - found.prediction;
    const top = order.slice(0, 3).map((j) => `${labels[j]} (${signed(found.weights[j], 2)})`);
    byId("lime-readout").textContent =
      `The line gives ${found.local.toFixed(3)} where the network gives ${found.prediction.toFixed(3)} ` +
      `(error ${signed(error)}; R² ${found.r2.toFixed(2)}). Strongest conditions: ${top.join("; ")}.`;
    document.body.dataset.explained = "yes";
  }

  // --- bars --------------------------------------------------------------------------------------

  // A scale with round ticks that holds [low, high]; place(v) is in percent of its width.
  function axis(low, high) {
    const span = Math.max(high - low, 1e-6);
    const power = 10 ** Math.floor(Math.log10(span / 4));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => span / s <= 5);
    const first = Math.floor(low / step + 1e-9);
    const last = Math.ceil(high / step - 1e-9);
    const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return { ticks, digits, place: (v) => (100 * (v - first * step)) / ((last - first) * step) };
  }

  // bars: {label, value, from, to}. lines: [value, kind]. title: what the axis shows.
  function drawBars(box, bars, { ticks, digits, place }, lines, title) {
    const line = ([value, kind]) => {
      const made = element("span", { class: `line ${kind}` });
      made.style.left = `${place(value)}%`;
      return made;
    };
    const items = bars.map(({ label, value, from, to }) => {
      const bar = element("span", { class: value < 0 ? "bar lowers" : "bar raises" });
      bar.style.left = `${place(Math.min(from, to))}%`;
      bar.style.width = `${Math.abs(place(to) - place(from))}%`;
      const track = element("span", { class: "track", "aria-hidden": "true" }, ...lines.map(line), bar);
      return element("li", {}, element("span", { class: "label" }, label), track, element("span", { class: "value" }, signed(value)));
    });
    const scale = element("span", { class: "track scale", "aria-hidden": "true" });
    for (const tick of ticks) {
      const made = element("span", {}, tick.toFixed(digits).replace("-", "−"));
      made.style.left = `${place(tick)}%`;
      scale.append(made);
    }
    const foot = element("div", { class: "foot" }, scale, element("p", { class: "axis" }, title));
    box.replaceChildren(element("ol", {}, ...items), foot);
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
