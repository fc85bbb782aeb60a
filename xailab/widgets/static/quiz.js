// The quiz: questions and reasons are all here, so it marks itself without a kernel.
//
// The text of the questions goes into the page as text, never as markup.

// otherwise JupyterLab would handle these keys
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };
let made = 0;

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// `code` between back-ticks
const rich = (text) => text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));

function render({ model, el }) {
  const questions = model.get("items");
  const name = `xailab-quiz-${made++}`;
  el.classList.add("xailab-quiz");

  const forms = questions.map((question, place) => {
    const radios = question.options.map((_, i) =>
      element("input", { type: "radio", name: `${name}-${place}`, value: i, ...OWN_KEYS }),
    );
    const said = element("div", { class: "xailab-said", role: "status", "aria-live": "polite" });
    const form = element(
      "form", {},
      element(
        "fieldset", {},
        element("legend", {}, `${place + 1}. `, ...rich(question.text)),
        ...radios.map((radio, i) => element("label", {}, radio, element("span", {}, ...rich(question.options[i].text)))),
        element("button", { type: "submit", "aria-label": `Check question ${place + 1}`, ...OWN_KEYS }, "Check"),
        said,
      ),
    );
    // the old verdict is not about the new choice
    form.addEventListener("change", () => say(said, ""));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const option = radios.findIndex((radio) => radio.checked);
      if (option < 0) return say(said, "Choose an answer first.");
      const answers = [...model.get("answers")];
      answers[place] = option;
      drawn[place] = undefined;
      give(answers);
    });
    return { form, radios, said };
  });
  const again = element("button", { type: "button", ...OWN_KEYS }, "Start again");
  again.addEventListener("click", () => {
    drawn.fill(undefined);
    give(questions.map(() => -1));
  });
  const score = element("div", { class: "xailab-readout", role: "status", "aria-live": "polite" });
  el.append(
    element("div", { class: "xailab-title", role: "heading", "aria-level": "3" }, model.get("title")),
    ...forms.map(({ form }) => form),
    element("div", { class: "xailab-row" }, score, again),
  );

  function say(place, text, kind = "") {
    place.className = `xailab-said ${kind}`;
    place.replaceChildren(...rich(text));
  }

  function give(answers) {
    model.set("answers", answers);
    model.save_changes();
    draw();
  }

  // only questions with a new answer: choices in other questions that are not yet checked stay
  const drawn = questions.map(() => undefined);
  function draw() {
    const answers = model.get("answers");
    forms.forEach(({ radios, said }, place) => {
      if (drawn[place] === answers[place]) return;
      drawn[place] = answers[place];
      radios.forEach((radio, i) => { radio.checked = i === answers[place]; });
      const chosen = questions[place].options[answers[place]];
      if (!chosen) say(said, "");
      else if (chosen.right) say(said, `Right. ${chosen.reason}`, "xailab-right");
      else say(said, `Not right. ${chosen.reason}`, "xailab-wrong");
    });
    const right = answers.filter((answer, place) => questions[place].options[answer]?.right).length;
    score.textContent = `${answers.filter((answer) => answer >= 0).length} of ${answers.length} answered, ${right} right.`;
  }
  model.on("change:answers", draw);
  draw();
  el.dataset.ready = "yes";
  return () => model.off("change:answers", draw);
}

export default { render };
