// Reads what the page holds and starts its parts, the photograph first.

function main() {
  const course = JSON.parse(byId("course").textContent);
  const weights = readBase64(byId("weights").textContent).buffer;
  // once it is read, the text only takes memory
  byId("weights").remove();
  experiment({ model: keptInTab(course.experiment), el: byId("experiment") });
  photoPart(course, weights).then(() => incomePart(course.income));
}

// The state of the experiment, as anywidget would keep it; a reload of the tab does not lose it.
function keptInTab(given) {
  const key = "xailab class experiment";
  const state = { ...given, group: 0, answers: [] };
  const heard = {};
  try {
    Object.assign(state, JSON.parse(sessionStorage.getItem(key)));
  } catch {
    // a browser may refuse to keep anything; the experiment then starts again after a reload
  }
  return {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      (heard[`change:${name}`] ?? []).forEach((act) => act());
    },
    on: (name, act) => (heard[name] ??= []).push(act),
    off: () => undefined,
    save_changes: () => {
      try {
        sessionStorage.setItem(key, JSON.stringify({ group: state.group, answers: state.answers }));
      } catch {
        // as above
      }
    },
  };
}

// one frame first, so that the page is seen before the weights are read
requestAnimationFrame(() => setTimeout(main));
