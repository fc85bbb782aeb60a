// What the widgets drawn by the browser share; Python puts this file before each of theirs.

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// otherwise JupyterLab would handle the arrow keys
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };
// each kind of widget runs its own copy of this file, and a page may hold them all
const COPY = Math.random().toString(36).slice(2);
let made = 0;
const newId = () => `xailab-${COPY}-${made++}`;

function picker(label, names) {
  const id = newId();
  const select = element("select", { id, ...OWN_KEYS });
  for (const name of names) select.append(element("option", { value: name }, name));
  return { select, row: element("div", { class: "xailab-row" }, element("label", { for: id }, label), select) };
}

function slider(label, least, most) {
  const id = newId();
  const range = element("input", { type: "range", id, min: least, max: most, step: 1, ...OWN_KEYS });
  const number = element("output", { for: id });
  return { range, number, row: element("div", { class: "xailab-row" }, element("label", { for: id }, label), range, number) };
}

