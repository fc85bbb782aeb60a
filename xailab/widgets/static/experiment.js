// The class experiment: predict the model's answer for person B, given person A with the model's
// answer; half of the items show A's Shapley values as a waterfall.
//
// The same file runs in notebooks and on the live page. ``element`` and the bars are in the files
// before it; ``model`` keeps the state, as anywidget's does. The functions above ``experiment`` need
// no page.

const LEAST_STUDENTS = 10;
const UNEQUAL = 1.5;
const ANSWERS = ["50K or less", "more than 50K"];
// otherwise JupyterLab would handle the keys that are pressed on a control
const NO_SHORTCUTS = { "data-lm-suppress-shortcuts": "true" };

// --- counts and the result of a class, word for word as in experiment.py -------------------------

const answerOf = (probability) => Number(probability >= 0.5);
const hasWaterfall = (group, place) => place % 2 === group - 1;

// How many answers are right, [with the waterfall, without it].
function countRight(items, group, answers) {
  const right = [0, 0];
  answers.forEach((answer, place) => {
    if (answer === answerOf(items[place].p[1])) right[hasWaterfall(group, place) ? 0 : 1] += 1;
  });
  return right;
}

const lineFor = (group, [withIt, without]) => `${group}: ${withIt} ${without}`;

// P(|T| <= t) for Student's t with a whole number of degrees of freedom: Abramowitz and Stegun 1964,
// 26.7.3 and 26.7.4.
function withinT(t, freedom) {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const cosine = Math.cos(angle);
  const odd = freedom % 2;
  let term = odd ? cosine : 1;
  let sum = freedom > 1 ? term : 0;
  for (let k = odd ? 3 : 2; k <= freedom - 2; k += 2) {
    term *= (cosine * cosine * (k - 1)) / k;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}

// The t with P(|T| <= t) = level, by bisection.
function pointOfT(level, freedom) {
  let low = 0, high = 1e3;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (withinT(middle, freedom) < level) low = middle;
    else high = middle;
  }
  return high;
}

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
// as in Python: a half goes up
const twoDigits = (value) => (Math.floor(100 * value + 0.5) / 100).toFixed(2);

function readStudents(text) {
  const students = text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const found = /(?:^|\s)([12]): *([0-9]+) +([0-9]+)$/.exec(line);
    const student = found ? found.slice(1).map(Number) : [0, 99, 99];
    if (Math.max(...student) > 10) {
      throw new Error(`"${line}" does not end like "1: 7 6": the group (1 or 2), then how many of 10 ` +
        "were right with the waterfall and without it.");
    }
    return student;
  });
  if (!students.length) {
    throw new Error('Paste the lines of the class first, such as "1: 7 6", one per student.');
  }
  return students;
}

// {n, groups, difference: {mean, low, high} or null, text}; a line that cannot be read is an Error.
function classResult(lines) {
  const students = readStudents(lines);
  const n = students.length;
  const groups = [1, 2].map((g) => students.filter(([group]) => group === g).length);
  const differences = students.map(([, withIt, without]) => withIt - without);
  const said = [
    `n = ${n} students (${groups[0]} in group 1, ${groups[1]} in group 2).`,
    `Right of 10 items: ${twoDigits(sumOf(students.map((s) => s[1])) / n)} with the waterfall, ` +
      `${twoDigits(sumOf(students.map((s) => s[2])) / n)} without it.`,
  ];
  const mean = sumOf(differences) / n;
  const varies = differences.some((d) => d !== differences[0]);
  if (n < LEAST_STUDENTS || !varies) {
    const more = differences.filter((d) => d > 0).length;
    const fewer = differences.filter((d) => d < 0).length;
    const why = n < LEAST_STUDENTS ? `Below ${LEAST_STUDENTS} students` : "Because the difference is the same for all students";
    said.push(`With the waterfall ${more} had more right than without it, ${fewer} fewer, ` +
      `${n - more - fewer} as many. ${why} there is no interval and no verdict.`);
    return { n, groups, difference: null, text: said.join(" ") };
  }
  const variance = sumOf(differences.map((d) => (d - mean) ** 2)) / (n - 1);
  const half = pointOfT(0.95, n - 1) * Math.sqrt(variance / n);
  const difference = { mean, low: mean - half, high: mean + half };
  said.push(
    `Mean paired difference, with - without: ${twoDigits(mean)} items of 10, ` +
      `95 % interval [${twoDigits(difference.low)}, ${twoDigits(difference.high)}] (paired t).`,
    verdict(difference, groups),
    "Not shown: anything about other items (these twenty are fixed), other models, explanations " +
      "or tasks than forward simulation from one example, or the time needed, which was not measured.",
  );
  return { n, groups, difference, text: said.join(" ") };
}

function verdict({ low, high }, groups) {
  if (Math.max(...groups) > UNEQUAL * Math.min(...groups)) {
    return "No verdict: the groups are too unequal. The two sets of items need not be equally hard, " +
      "and only groups of similar size cancel that.";
  }
  if (low > 0) return "This class predicted this model's answers better with the waterfall than without it.";
  if (high < 0) return "This class predicted this model's answers worse with the waterfall than without it.";
  return "The interval holds 0: this class does not show whether the waterfall helps, harms or does neither.";
}

// --- the page ------------------------------------------------------------------------------------

function experiment({ model, el }) {
  const features = model.get("features");
  const items = model.get("items");
  const stage = element("div", { class: "xailab-stage" });
  el.classList.add("xailab-experiment");
  el.append(stage, forTheTeacher());

  function button(text, act, attributes = {}) {
    const made = element("button", { type: "button", ...NO_SHORTCUTS, ...attributes }, text);
    made.addEventListener("click", act);
    return made;
  }

  // the next heading takes the focus, so that keyboard and screen reader go on from there
  function give(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    stage.querySelector("h3").focus();
  }

  const heading = (text) => element("h3", { tabindex: -1 }, text);
  const inWords = (row, j) => valueText(features[j], row[j]);

  function start() {
    return [
      heading(`Predict the model, ${items.length} times`),
      element("p", {}, "Here you are the subject. Each item shows person A with the model's answer, and person B, who " +
        "differs from A in three features. Predict the model's answer for B: is the income above 50,000 dollars a year, that is, " +
        "is its probability 0.5 or more? In half of the items B gets the same answer as A."),
      element("p", {}, "In every second item A comes with a waterfall: its bars lead from the base value, the mean over other people, to " +
        "A's probability. A bar says what A's value adds. Six minutes are planned; there are no marks."),
      element("p", { class: "xailab-buttons" }, "Your group, as the teacher says:",
        ...[1, 2].map((group) => button(`Group ${group}`, () => give({ group, answers: [] })))),
    ];
  }

  function question(place) {
    const item = items[place];
    const shown = hasWaterfall(model.get("group"), place);
    const differ = features.filter((_, j) => item.a[j] !== item.b[j]).map(({ name }) => name);
    const last = differ.pop();
    const chart = element("div", { class: "xailab-chart" });
    if (shown) {
      const labels = features.map(({ name }, j) => `${name} = ${inWords(item.a, j)}`);
      drawWaterfall(chart, { labels, values: item.values, base: item.base, prediction: item.p[0] },
        "probability of income > 50K", "the mean over 100 background people");
    }
    return [
      heading(`Item ${place + 1} of ${items.length}, ${shown ? "with" : "without"} the waterfall`),
      element("progress", { max: items.length, value: place, "aria-label": "Items answered" }),
      element("p", {}, "The model's answer for A: ", element("strong", {}, ANSWERS[answerOf(item.p[0])]),
        ` (probability ${item.p[0].toFixed(2)}). B differs from A in ${differ.join(", ")} and ${last}.`),
      element("div", { class: "xailab-item" },
        people(item),
        ...(shown ? [element("div", { class: "xailab-why" }, element("h4", {}, "The waterfall of A"), chart)] : []),
        element("div", { class: "xailab-answer", role: "group", "aria-label": "The model's answer for B" },
          element("p", {}, element("strong", {}, "What does the model say for B?")),
          element("p", { class: "xailab-buttons" },
            // a double click answers one item only
            ...[1, 0].map((answer) => button(ANSWERS[answer], (event) => event.detail < 2 && give({ answers: [...model.get("answers"), answer] }))),
            ...(place ? [button("Back", () => give({ answers: model.get("answers").slice(0, -1) }), { class: "xailab-quiet" })] : [])))),
    ];
  }

  function people({ a, b }) {
    const head = (text) => element("th", { scope: "col" }, text);
    const rows = features.map(({ name }, j) =>
      element("tr", a[j] === b[j] ? {} : { class: "xailab-differs" },
        element("th", { scope: "row" }, name), element("td", {}, inWords(a, j)), element("td", {}, a[j] === b[j] ? "same" : inWords(b, j))));
    return element("table", {}, element("thead", {}, element("tr", {}, head("feature"), head("person A"), head("person B"))),
      element("tbody", {}, ...rows));
  }

  function result() {
    const group = model.get("group");
    const answers = model.get("answers");
    const [withIt, without] = countRight(items, group, answers);
    const line = element("input", { ...NO_SHORTCUTS, readonly: "", size: 9, value: lineFor(group, [withIt, without]) });
    line.addEventListener("focus", () => line.select());
    const rows = items.map(({ p }, place) => element("tr", {},
      element("th", { scope: "row" }, String(place + 1)), element("td", {}, hasWaterfall(group, place) ? "with" : "without"),
      element("td", {}, ANSWERS[answers[place]]), element("td", {}, `${ANSWERS[answerOf(p[1])]} (${p[1].toFixed(2)})`),
      element("td", {}, answers[place] === answerOf(p[1]) ? "yes" : "no")));
    const head = ["item", "waterfall", "you", "the model", "right"].map((text) => element("th", { scope: "col" }, text));
    return [
      heading(`Right: ${withIt} of 10 with the waterfall, ${without} of 10 without it`),
      element("p", {}, "Guessing gets 5 of 10 on average, and so does always giving A's answer. Ten items are too few to say anything " +
        "about you; the class together may say something."),
      element("p", {}, element("label", {}, "Line for your teacher: ", line)),
      element("details", {}, element("summary", NO_SHORTCUTS, "All items with the model's answers"),
        element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows))),
      element("p", { class: "xailab-buttons" }, button("Start again", () => give({ group: 0, answers: [] }), { class: "xailab-quiet" })),
    ];
  }

  function forTheTeacher() {
    const lines = element("textarea", { rows: 6, placeholder: "1: 7 6" });
    // JupyterLab takes line breaks away from text fields inside cells
    lines.addEventListener("keydown", (event) => event.stopPropagation());
    const said = element("p", { class: "xailab-result", role: "status", "aria-live": "polite" });
    const tell = () => {
      try {
        said.textContent = classResult(lines.value).text;
      } catch (error) {
        said.textContent = error.message;
      }
    };
    return element("details", { class: "xailab-teacher" },
      element("summary", NO_SHORTCUTS, "For the teacher: the result of the class"),
      element("label", {}, "The lines of the class, one per student", lines),
      element("p", { class: "xailab-buttons" }, button("Compare", tell)), said);
  }

  function draw() {
    const done = model.get("answers").length;
    const parts = !model.get("group") ? start() : done < items.length ? question(done) : result();
    stage.replaceChildren(...parts);
  }
  model.on("change:answers", draw);
  model.on("change:group", draw);
  draw();
  el.dataset.ready = "yes";
  return () => {
    model.off("change:answers", draw);
    model.off("change:group", draw);
  };
}
