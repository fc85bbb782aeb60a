// What ipywidgets leaves out for screen readers: the names and values of a panel's sliders and the
// text of its picture. It draws nothing itself.

// of ipywidgets 8 and 7
const HANDLES = ".noUi-handle, .ui-slider-handle";

function set(element, name, value) {
  // setting the same value again would wake the observer again
  if (element && value && element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function label(panel) {
  for (const control of panel.querySelectorAll(".widget-slider")) {
    const name = control.querySelector(".widget-label")?.textContent.trim();
    const value = control.querySelector(".widget-readout")?.textContent.trim();
    const handles = control.querySelectorAll(HANDLES);
    handles.forEach((handle, i) => {
      const end = handles.length > 1 ? [", from", ", to"][i] : "";
      set(handle, "aria-label", name + end);
      set(handle, "aria-valuetext", value);
    });
  }
  for (const control of panel.querySelectorAll(`${HANDLES}, select, input`)) {
    // otherwise Jupyter Notebook 7 would take the arrow keys to go to another cell
    set(control, "data-lm-suppress-shortcuts", "true");
  }
  const text = panel.querySelector(".xailab-readout")?.textContent.trim();
  for (const picture of panel.querySelectorAll("img.widget-image")) set(picture, "alt", text);
}

function render({ el }) {
  el.hidden = true;
  let frame, observer;
  // the panel around takes the element up only after it is drawn
  function find() {
    const panel = el.closest(".xailab-panel");
    if (!panel) {
      frame = requestAnimationFrame(find);
      return;
    }
    observer = new MutationObserver(() => label(panel));
    observer.observe(panel, {
      subtree: true,
      childList: true,
      characterData: true,
      attributeFilter: ["src", "aria-valuenow", "aria-valuetext"],
    });
    label(panel);
  }
  frame = requestAnimationFrame(find);
  return () => {
    cancelAnimationFrame(frame);
    observer?.disconnect();
  };
}

export default { render };
