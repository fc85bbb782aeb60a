// Bars from one value to another, such as a waterfall, and values as text. The file before this one
// has ``element``. A list for screen readers; the bars themselves are hidden from them.

const signed = (value, digits = 3) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
const grouped = (value) => value.toLocaleString("en-US");

// feature: {name, names} for a category, {name, before, after, meanings} for a number.
function valueText(feature, value) {
  if (feature.names) return feature.names[value];
  const meaning = feature.meanings ? `, ${feature.meanings[value]}` : "";
  return `${feature.before}${grouped(value)}${feature.after}${meaning}`;
}

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

// From the base value up to the prediction, the largest value first (on top). meaning: of the base value.
function drawWaterfall(box, { labels, values, base, prediction }, title, meaning) {
  const order = Array.from(values, (_, j) => j).sort((i, j) => Math.abs(values[j]) - Math.abs(values[i]));
  const ends = [prediction];
  for (const j of order) ends.push(ends[ends.length - 1] - values[j]);
  const scale = axis(Math.min(...ends, 0), Math.max(...ends));
  const bars = order.map((j, i) => ({ label: labels[j], value: values[j], from: ends[i + 1], to: ends[i] }));
  drawBars(box, bars, scale, [[base, "base"], [prediction, "prediction"]], title);
  box.append(
    element("p", {}, `Dotted: base value ${base.toFixed(3)}, ${meaning}. `,
      `Dashed: prediction ${prediction.toFixed(3)}. Orange raises, blue lowers.`),
  );
}
