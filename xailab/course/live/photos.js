// The first part of the page: a photograph, the network's classes, the heat map of one of them.

const METHODS = {
  cam: ["CAM", "Evidence for the class at each place: the sum over all channels of the class's weight w times the activation."],
  grad_cam: ["Grad-CAM", "Channels weighted by their mean gradient. At this layer that is w / 49, so the map equals CAM's positive part exactly."],
  grad_cam_pp: ["Grad-CAM++", "Only positive gradients count, and strong channels less than in Grad-CAM."],
  ablation_cam: ["Ablation-CAM", "Channels weighted by how much the class's score falls when they are set to zero: w times the channel's mean, divided by the score."],
  layer_cam: ["Layer-CAM", "Only positive gradients count, place by place. At this layer a channel's gradient is the same at every place."],
};
const MEASURES = {
  saliency: ["saliency score", "share of the heat that lies on the object"],
  iou: ["IoU", "overlap of region and object, divided by their union"],
  recall: ["recall", "share of the object that is marked"],
  precision: ["precision", "share of the marked region that is object"],
  f1: ["F1", "harmonic mean of precision and recall"],
};
const REGION_EDGE = [127, 196, 255];
const MASK_EDGE = [255, 255, 255];

function photoPart(course, weights) {
  const { size, resize, mean, std, categories, plan } = course.cnn;
  const layers = readNetwork(plan, weights);
  const head = layers[layers.length - 1];
  const palette = readBase64(course.palette);
  const context = byId("canvas").getContext("2d", { willReadFrequently: true });
  const state = { method: "cam", threshold: 0.5, target: 0, answer: null, heat: null, mask: null, pixels: null };

  const start = oneAtATime((share) => (byId("progress").value = share));

  // --- opening a photograph ----------------------------------------------------------------------

  // blob: an image file. photo: its entry in the course, or null. name: what to call it.
  function open(blob, photo, name) {
    return start(async (pause) => {
      const began = performance.now();
      byId("problem").textContent = "";
      byId("timing").textContent = "";
      busy(true);
      const pixels = await seen(blob, pause);
      if (!pixels) {
        busy(false);
        byId("problem").textContent = `${name} cannot be read as an image. JPEG, PNG and WebP are safe.`;
        return;
      }
      Object.assign(state, { pixels, heat: null, answer: null, mask: photo && maskFromRuns(photo.mask) });
      showSource(photo, name);
      draw();
      const x = standardise(pixels, mean, std);
      state.answer = await runNetwork(layers, x, size, (share) => pause(0.2 + 0.8 * share));
      const seconds = (performance.now() - began) / 1000;
      showClasses();
      const [best] = largest(state.answer.logits, 1);
      const probability = softmax(state.answer.logits)[best];
      const answer = `Answered in ${seconds.toFixed(1)} s: ${categories[best]}, ${percent(probability, 1)}.`;
      byId("timing").textContent = `${answer} ${photo ? photo.note : ""}`.trim();
      document.body.dataset.answered = String(Math.round(performance.now()));
      choose(best);
      busy(false);
    });
  }

  // The pixels that the network sees of an image file; null when the browser cannot read it.
  async function seen(blob, pause) {
    try {
      // colours as they are in the file, upright as the camera meant it
      const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
      const report = (share) => pause(0.2 * share);
      const pixels = await viewOf(bitmap.width, bitmap.height, rowsOf(bitmap), size, resize, report);
      bitmap.close();
      return pixels;
    } catch (error) {
      if (error === REPLACED) throw error;
      return null;
    }
  }

  function busy(on) {
    byId("running").classList.toggle("on", on);
    byId("progress-label").textContent = "Running the network";
    byId("progress").value = 0;
  }

  // The rows of a bitmap as RGBA bytes, through a canvas that holds only these rows.
  function rowsOf(bitmap) {
    return (top, bottom) => {
      const canvas = element("canvas", { width: bitmap.width, height: bottom - top });
      const strip = canvas.getContext("2d", { willReadFrequently: true });
      strip.fillStyle = "white";
      strip.fillRect(0, 0, bitmap.width, bottom - top);
      strip.drawImage(bitmap, 0, -top);
      return strip.getImageData(0, 0, bitmap.width, bottom - top).data;
    };
  }

  function showSource(photo, name) {
    const credit = byId("credit");
    credit.replaceChildren();
    if (photo) {
      credit.append(element("a", { href: photo.source }, photo.title), ` by ${photo.author}, `);
      credit.append(element("a", { href: photo.licence_url }, photo.licence), ", cropped.");
    } else {
      credit.append(`${name}: what the network sees of it, ${size} by ${size} pixels.`);
    }
    for (const button of byId("thumbnails").children) {
      button.setAttribute("aria-pressed", String(Boolean(photo) && button.dataset.name === photo.name));
    }
    byId("metrics").hidden = byId("mask-label").hidden = !photo;
    byId("no-mask").hidden = Boolean(photo);
    byId("classes").replaceChildren();
    byId("readout").textContent = "";
  }

  // --- the classes -------------------------------------------------------------------------------

  function showClasses() {
    const shares = softmax(state.answer.logits);
    const buttons = largest(shares, 5).map((index) => {
      const bar = element("span", { class: "share", "aria-hidden": "true" });
      bar.style.width = `${100 * shares[index]}%`;
      const name = element("span", { class: "name" }, categories[index]);
      const made = element("button", { type: "button" }, bar, name, element("span", {}, percent(shares[index], 1)));
      made.dataset.index = index;
      made.addEventListener("click", () => choose(index));
      return made;
    });
    byId("classes").replaceChildren(...buttons);
  }

  function choose(index) {
    state.target = index;
    for (const button of byId("classes").children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.index) === index));
    }
    byId("any-class").value = "";
    explain();
  }

  // --- the map -----------------------------------------------------------------------------------

  function explain() {
    byId("method-note").textContent = METHODS[state.method][1];
    if (!state.answer) return;
    state.heat = heatmap(state.method, state.answer, head, state.target, size);
    draw();
  }

  function draw() {
    const { pixels, heat, mask, threshold } = state;
    if (!pixels) return;
    const image = context.createImageData(size, size);
    const out = image.data;
    const share = heat && byId("show-heat").checked ? 0.55 : 0;
    for (let i = 0, from = 0, to = 0; i < size * size; i++, from += 3, to += 4) {
      const level = share ? 3 * Math.round(255 * heat[i]) : 0;
      for (let c = 0; c < 3; c++) out[to + c] = (1 - share) * pixels[from + c] + share * palette[level + c];
      out[to + 3] = 255;
    }
    if (heat && mask && byId("show-mask").checked) drawEdge(out, mask, MASK_EDGE);
    if (heat && byId("show-region").checked) drawEdge(out, region(heat, threshold), REGION_EDGE);
    context.putImageData(image, 0, 0);
    byId("mark").style.left = `${100 * threshold}%`;
    describe();
  }

  function drawEdge(out, inside, colour) {
    for (let i = 0; i < inside.length; i++) {
      if (onEdge(inside, i, size)) out.set(colour, 4 * i);
    }
  }

  function describe() {
    const { heat, mask, threshold, target, method } = state;
    const range = byId("threshold");
    byId("threshold-value").textContent = threshold.toFixed(2);
    range.setAttribute("aria-valuetext", `${threshold.toFixed(2)} of the maximum`);
    if (!heat) {
      byId("canvas").setAttribute("aria-label", "The photograph as the network sees it");
      return;
    }
    const marked = region(heat, threshold).reduce((sum, v) => sum + v, 0) / heat.length;
    const probability = softmax(state.answer.logits)[target];
    const parts = [`The ${METHODS[method][0]} map for ${categories[target]} (probability ${percent(probability, 1)})`];
    if (!marked) {
      parts.push(" is zero everywhere: nowhere is there evidence for this class.");
    } else if (mask) {
      const found = localisation(heat, mask, threshold);
      showMetrics(found);
      parts.push(`: ${percent(found.saliency)} of the heat lies on the object. At threshold ${threshold.toFixed(2)} `);
      parts.push(`the marked region covers ${percent(marked)} of the picture and ${percent(found.recall)} of the object; IoU ${found.iou.toFixed(2)}.`);
    } else {
      parts.push(`: at threshold ${threshold.toFixed(2)} the marked region covers ${percent(marked)} of the picture.`);
    }
    if (!marked && mask) showMetrics(localisation(heat, mask, threshold));
    const text = parts.join("");
    byId("readout").textContent = text;
    byId("canvas").setAttribute("aria-label", text);
  }

  function showMetrics(found) {
    const rows = Object.entries(MEASURES).map(([key, [name, meaning]]) =>
      element("tr", {},
        element("th", { scope: "row" }, name, element("span", { class: "hint" }, meaning)),
        element("td", { "data-metric": key }, found[key].toFixed(2)),
      ),
    );
    byId("metrics").tBodies[0].replaceChildren(...rows);
  }

  // --- controls ----------------------------------------------------------------------------------

  function prepare() {
    for (const photo of course.photos) {
      const picture = element("img", { src: `data:image/jpeg;base64,${photo.jpeg}`, alt: photo.label, width: 72, height: 72 });
      const made = element("button", { type: "button", "aria-pressed": "false", title: photo.label }, picture);
      made.dataset.name = photo.name;
      made.addEventListener("click", () => openFromCourse(photo));
      byId("thumbnails").append(made);
    }
    byId("layer").textContent = `at layer ${course.cnn.layer}`;
    for (const [key, [name]] of Object.entries(METHODS)) {
      const radio = element("input", { type: "radio", name: "method", value: key });
      radio.checked = key === state.method;
      radio.addEventListener("change", () => {
        state.method = key;
        explain();
      });
      byId("methods").append(element("label", {}, radio, ` ${name}`));
    }
    byId("threshold").addEventListener("input", () => {
      state.threshold = Number(byId("threshold").value);
      draw();
    });
    for (const id of ["show-heat", "show-region", "show-mask"]) byId(id).addEventListener("change", draw);
    prepareAnyClass();
    prepareOwnPhotos();
    drawBar();
    explain();
  }

  function prepareAnyClass() {
    // two names are borne by two classes each: there the number is added
    const count = new Map();
    for (const name of categories) count.set(name, (count.get(name) || 0) + 1);
    const labels = categories.map((name, i) => (count.get(name) > 1 ? `${name} (${i})` : name));
    byId("all-classes").append(...labels.map((value) => element("option", { value })));
    byId("any-class").addEventListener("change", (event) => {
      const typed = event.target.value.trim().toLowerCase();
      const index = labels.findIndex((label) => label.toLowerCase() === typed);
      if (!typed || !state.answer) return;
      byId("problem").textContent = index < 0 ? "There is no class of this name; choose one from the list." : "";
      if (index < 0) return;
      choose(index);
      event.target.value = labels[index];
    });
  }

  function prepareOwnPhotos() {
    const take = (files) => {
      const file = [...(files || [])].find((f) => f.type.startsWith("image/")) || (files || [])[0];
      if (file) open(file, null, file.name || "The pasted picture");
      return Boolean(file);
    };
    byId("file").addEventListener("change", (event) => {
      take(event.target.files);
      // the same file may be chosen again
      event.target.value = "";
    });
    document.addEventListener("paste", (event) => {
      if (take(event.clipboardData.files)) event.preventDefault();
    });
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      byId("drop").classList.add("over");
    });
    document.addEventListener("dragleave", () => byId("drop").classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      byId("drop").classList.remove("over");
      take(event.dataTransfer.files);
    });
  }

  function drawBar() {
    const bar = byId("bar").getContext("2d");
    const image = bar.createImageData(256, 1);
    for (let i = 0; i < 256; i++) image.data.set([...palette.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    bar.putImageData(image, 0, 0);
  }

  function openFromCourse(photo) {
    return open(new Blob([readBase64(photo.jpeg)], { type: "image/jpeg" }), photo, photo.label);
  }

  prepare();
  return openFromCourse(course.photos[0]);
}
