"use strict";
// The viewer: one image with switchable outlines, zoom and pan, by mouse, touch and keyboard.
(() => {
  const root = document.getElementById("viewer-box");
  if (!root) return;
  root.hidden = false;
  const setup = JSON.parse(document.getElementById("viewer-setup").textContent);
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const [stage, canvas, choice, switches, colours, legend, status] = [
    "stage", "canvas", "choice", "switches", "colours", "legend", "status",
  ].map(part);
  const entries = new Map();
  const view = { image: 0, scale: 1, x: 0, y: 0 };
  const on = new Set(["picture", "truth"]);

  const entry = (place) => {
    if (!entries.has(place)) {
      const element = document.getElementById(`viewer-image-${place}`);
      entries.set(place, JSON.parse(element.textContent));
    }
    return entries.get(place);
  };

  const layerNames = ["picture", "truth", ...setup.models.map((_, number) => String(number))];
  const title = (name) =>
    name === "picture" ? "Image" : name === "truth" ? "Truth" : setup.models[name].name;
  const key = (name) =>
    name === "picture" ? "i" : name === "truth" ? "t" : name < 9 ? String(+name + 1) : "";

  setup.images.forEach((image, place) => {
    const label = image.modality ? `${image.name} (${image.modality})` : image.name;
    choice.append(new Option(label, String(place)));
  });

  const boxes = new Map();
  for (const name of layerNames) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.dataset.layer = name;
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    const note = document.createElement("span");
    note.className = "muted";
    label.append(box, swatch, ` ${title(name)}${key(name) ? ` [${key(name)}]` : ""} `, note);
    switches.append(label);
    box.addEventListener("change", () => toggle(name, box.checked));
    boxes.set(name, { box, swatch, note });
  }
  const first = setup.models.findIndex((model) => !model.control);
  if (setup.models.length) on.add(String(Math.max(first, 0)));

  const toggle = (name, wanted) => {
    if (wanted) on.add(name);
    else on.delete(name);
    draw();
  };

  const layer = (name, shown) => {
    const byModel = colours.value === "model" && name !== "picture" && name !== "truth";
    const source = name === "picture" ? shown.picture : shown.layers[name];
    const element = document.createElement(byModel ? "div" : "img");
    element.className = "layer";
    element.dataset.layer = name;
    if (byModel) {
      element.style.backgroundColor = setup.models[name].colour;
      element.style.maskImage = element.style.webkitMaskImage = `url("${source}")`;
    } else {
      element.src = source;
      element.alt = name === "picture" ? `The image ${shown.name}` : "";
      element.draggable = false;
    }
    return element;
  };

  // Coloured by fate, a model's layer comes with the true cells that it missed.
  const layersOf = (name, shown) =>
    colours.value === "fate" && shown.layers[`${name}-missed`]
      ? [layer(`${name}-missed`, shown), layer(name, shown)]
      : [layer(name, shown)];

  const draw = () => {
    const shown = entry(view.image);
    stage.style.aspectRatio = `${shown.width} / ${shown.height}`;
    stage.style.maxWidth = `calc(78vh * ${shown.width / shown.height})`;
    canvas.replaceChildren(
      ...layerNames
        .filter((name) => on.has(name) && (name === "picture" || shown.layers[name]))
        .flatMap((name) => layersOf(name, shown)),
    );
    for (const [name, { box, swatch, note }] of boxes) {
      const there = name === "picture" || Boolean(shown.layers[name]);
      box.checked = on.has(name);
      box.disabled = !there;
      const plain = name === "picture" || name === "truth";
      swatch.hidden = plain || colours.value !== "model";
      if (!plain) {
        swatch.style.backgroundColor = setup.models[name].colour;
        note.textContent = shown.scores[name] + (there ? "" : ", no mask");
      }
    }
    legend.hidden = colours.value === "model";
    choice.value = String(view.image);
    status.textContent = `${view.image + 1} of ${setup.images.length}, ${Math.round(view.scale * 100)} %`;
    place();
  };

  const place = () => {
    const { width, height } = stage.getBoundingClientRect();
    view.x = Math.min(0, Math.max(width * (1 - view.scale), view.x));
    view.y = Math.min(0, Math.max(height * (1 - view.scale), view.y));
    canvas.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    stage.classList.toggle("zoomed", view.scale > 1);
  };

  const zoom = (factor, x, y) => {
    const box = stage.getBoundingClientRect();
    const [px, py] = [x ?? box.width / 2, y ?? box.height / 2];
    const scale = Math.min(16, Math.max(1, view.scale * factor));
    view.x = px - ((px - view.x) * scale) / view.scale;
    view.y = py - ((py - view.y) * scale) / view.scale;
    view.scale = scale;
    draw();
  };

  const reset = () => {
    Object.assign(view, { scale: 1, x: 0, y: 0 });
    draw();
  };

  const show = (number) => {
    const count = setup.images.length;
    view.image = (number + count) % count;
    reset();
  };

  const pan = (x, y) => {
    view.x += x;
    view.y += y;
    place();
  };

  const keys = {
    ArrowLeft: () => show(view.image - 1),
    ArrowRight: () => show(view.image + 1),
    "+": () => zoom(1.5),
    "=": () => zoom(1.5),
    "-": () => zoom(1 / 1.5),
    0: reset,
  };
  const pans = {
    ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60],
  };

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const byKey = layerNames.find((name) => key(name) === event.key.toLowerCase());
    if (event.shiftKey && pans[event.key]) pan(...pans[event.key]);
    else if (keys[event.key]) keys[event.key]();
    else if (byKey && !boxes.get(byKey).box.disabled) toggle(byKey, !on.has(byKey));
    else return;
    event.preventDefault();
  });

  choice.addEventListener("change", () => show(Number(choice.value)));
  colours.addEventListener("change", draw);
  const actions = {
    previous: () => show(view.image - 1),
    next: () => show(view.image + 1),
    in: () => zoom(1.5),
    out: () => zoom(1 / 1.5),
    reset,
  };
  for (const button of root.querySelectorAll("button[data-action]")) {
    button.addEventListener("click", actions[button.dataset.action]);
  }

  // The wheel scrolls the page until the viewer has the focus, so that nobody gets stuck in it.
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== stage) return;
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  let held = null;
  stage.addEventListener("pointerdown", (event) => {
    if (view.scale === 1) return;
    held = [event.clientX, event.clientY];
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!held) return;
    pan(event.clientX - held[0], event.clientY - held[1]);
    held = [event.clientX, event.clientY];
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, () => { held = null; });
  }
  window.addEventListener("resize", place);

  // A button in the table of all images opens that image here.
  const places = new Map(setup.images.map((image, number) => [image.name, number]));
  for (const cell of document.querySelectorAll("#table-images tbody th")) {
    const number = places.get(cell.textContent);
    if (number === undefined) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "open";
    button.append(...cell.childNodes);
    button.title = "Show in the viewer";
    cell.append(button);
    button.addEventListener("click", () => {
      show(number);
      root.scrollIntoView();
      stage.focus({ preventScroll: true });
    });
  }
  draw();
})();
