// The picker: pictures drawn beforehand, each with its sentence; choosing needs no kernel.

// the position of a choice in the list of pictures, in which the last name changes fastest
function placeOf(chosen, names, labels) {
  return names.reduce((sum, name, i) => sum * labels[i].length + labels[i].indexOf(chosen[name]), 0);
}

async function render({ model, el }) {
  const names = model.get("names");
  const labels = model.get("labels");
  const sliding = model.get("sliding");
  const pictures = model.get("pictures").map((bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/webp" })));

  const choose = (name, label) => {
    model.set("chosen", { ...model.get("chosen"), [name]: label });
    model.save_changes();
  };
  const controls = names.map((name, i) => {
    if (sliding[i]) {
      const { range, number, row } = slider(name, 0, labels[i].length - 1);
      range.addEventListener("input", () => choose(name, labels[i][Number(range.value)]));
      const show = (label) => {
        range.value = labels[i].indexOf(label);
        number.value = label;
        range.setAttribute("aria-valuetext", label);
      };
      return { row, show };
    }
    const { select, row } = picker(name, labels[i]);
    select.addEventListener("change", () => choose(name, select.value));
    return { row, show: (label) => { select.value = label; } };
  });

  const image = element("img", {});
  const readout = element("div", { class: "xailab-readout", role: "status", "aria-live": "polite" });
  el.classList.add("xailab-picker");
  el.append(
    ...controls.map((control) => control.row),
    element("div", { class: "xailab-picture" }, image), readout,
  );

  function draw() {
    const chosen = model.get("chosen");
    const place = placeOf(chosen, names, labels);
    controls.forEach((control, i) => control.show(chosen[names[i]]));
    image.src = pictures[place];
    image.alt = names.map((name) => `${name} ${chosen[name]}`).join(", ");
    readout.textContent = model.get("says")[place];
  }

  model.on("change:chosen", draw);
  draw();
  await image.decode();
  el.dataset.ready = "yes";
  return () => {
    model.off("change:chosen", draw);
    pictures.forEach((url) => URL.revokeObjectURL(url));
  };
}

export default { render };
