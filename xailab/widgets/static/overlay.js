// The threshold overlay: everything a move of the slider needs is in the browser.
//
// A pixel's level is the number of slider steps (0.01, 0.02 ... 1) at which it is still marked,
// counted in Python by the rule of xailab.metrics.region. So "marked at step k" is level >= k here,
// and the numbers below are ratios of whole numbers: equal to Python's, not merely close.

const STEPS = 100;
const EDGE = [127, 196, 255];

async function unpack(view) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Python rounds a tie to the even digit, toFixed away from zero; ties at two digits are eighths.
function fixed2(x) {
  const tie = Number.isInteger(x * 8) && !Number.isInteger(x * 4);
  return tie ? (2 * Math.round(x * 50) / 100).toFixed(2) : x.toFixed(2);
}

function percent(x) {
  const y = x * 100;
  const low = Math.floor(y);
  return `${y - low === 0.5 ? low + (low % 2) : Math.round(y)}%`;
}

// counts[k]: pixels (of the object) that are marked at step k
function counts(levels, mask) {
  const all = new Array(STEPS + 2).fill(0);
  const both = new Array(STEPS + 2).fill(0);
  for (let i = 0; i < levels.length; i++) {
    all[levels[i]]++;
    if (mask[i]) both[levels[i]]++;
  }
  for (let k = STEPS - 1; k >= 0; k--) {
    all[k] += all[k + 1];
    both[k] += both[k + 1];
  }
  return { all, both };
}

function describe(name, step, map, object, size) {
  const marked = map.counts.all[step];
  const both = map.counts.both[step];
  const scores = {
    saliency: map.saliency,
    iou: both / (marked + object - both),
    recall: both / object,
    precision: marked ? both / marked : 0,
    f1: (2 * both) / (marked + object),
  };
  const numbers = Object.entries(scores).map(([key, value]) => `${key} ${fixed2(value)}`);
  const share = percent(marked / size);
  return `${name}: threshold ${fixed2(step / STEPS)} marks ${share} of the picture; ${numbers.join(", ")}.`;
}

// the pixels inside ``inside`` with a neighbour outside
function onEdge(inside, i, width, size) {
  const x = i % width;
  return (
    x === 0 || x === width - 1 || i < width || i >= size - width ||
    !inside(i - 1) || !inside(i + 1) || !inside(i - width) || !inside(i + width)
  );
}

async function render({ model, el }) {
  const [height, width] = model.get("size");
  const size = height * width;
  const names = Object.keys(model.get("maps"));
  const palettes = model.get("palettes");

  const { range, number, row } = slider("threshold", 1, STEPS);
  const method = picker("method", names);
  const colours = picker("colours", Object.keys(palettes));
  const canvas = element("canvas", { role: "img", "aria-label": "heat map", width, height });
  const outline = element("canvas", { "aria-hidden": "true", width, height });
  const readout = element("div", { class: "xailab-readout", role: "status", "aria-live": "polite" });
  method.row.hidden = names.length < 2;
  el.classList.add("xailab-overlay");
  el.append(
    row, method.row, colours.row,
    element("div", { class: "xailab-picture" }, canvas, outline), readout,
  );

  const mask = await unpack(model.get("mask"));
  const object = mask.reduce((sum, value) => sum + value, 0);
  const maps = {};
  for (const name of names) {
    const { levels, saliency } = model.get("maps")[name];
    const unpacked = await unpack(levels);
    maps[name] = { levels: unpacked, saliency, counts: counts(unpacked, mask) };
  }
  const photo = await createImageBitmap(new Blob([model.get("photo")], { type: "image/jpeg" }));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(photo, 0, 0);
  const base = context.getImageData(0, 0, width, height).data;
  const pixels = context.createImageData(width, height);

  const lines = outline.getContext("2d");
  lines.fillStyle = "white";
  for (let i = 0; i < size; i++) {
    if (mask[i] && onEdge((j) => mask[j] === 1, i, width, size)) lines.fillRect(i % width, Math.floor(i / width), 1, 1);
  }

  function draw() {
    const step = Math.round(model.get("threshold") * STEPS);
    const name = model.get("method");
    const { levels } = maps[name];
    const palette = new Uint8Array(palettes[model.get("colours")].buffer, palettes[model.get("colours")].byteOffset);
    const out = pixels.data;
    const inside = (j) => levels[j] >= step;
    for (let i = 0, o = 0; i < size; i++, o += 4) {
      const level = levels[i];
      if (level < step) {
        out[o] = base[o]; out[o + 1] = base[o + 1]; out[o + 2] = base[o + 2];
      } else if (onEdge(inside, i, width, size)) {
        out[o] = EDGE[0]; out[o + 1] = EDGE[1]; out[o + 2] = EDGE[2];
      } else {
        const share = 0.35 + 0.4 * level / STEPS;
        for (let c = 0; c < 3; c++) out[o + c] = (1 - share) * base[o + c] + share * palette[3 * level + c];
      }
      out[o + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
    const text = describe(name, step, maps[name], object, size);
    readout.textContent = text;
    canvas.setAttribute("aria-label", text);
    range.value = step;
    number.value = fixed2(step / STEPS);
    range.setAttribute("aria-valuetext", number.value);
    method.select.value = name;
    colours.select.value = model.get("colours");
  }

  // drawn at every movement; of the messages to Python only one is under way at a time
  const move = (trait, value) => {
    model.set(trait, value);
    model.save_changes();
  };
  range.addEventListener("input", () => move("threshold", Number(range.value) / STEPS));
  method.select.addEventListener("change", () => move("method", method.select.value));
  colours.select.addEventListener("change", () => move("colours", colours.select.value));
  const traits = "change:threshold change:method change:colours";
  model.on(traits, draw);
  draw();
  el.dataset.ready = "yes";
  return () => model.off(traits, draw);
}

export default { render };
