"use strict";
// One image of any size with switchable outlines: tiles are fetched for what is in sight.
(async () => {
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  const [choice, colours, report, status, switches, legend, stage, problems] = [
    "choice", "colours", "report", "status", "switches", "legend", "stage", "problems",
  ].map(part);
  const get = async (address) => (await fetch(address)).json();
  const subject = await get("subject.json");
  const view = { image: subject.first, x: 0, y: 0, scale: 1 }; // x, y: what is in the middle
  const on = new Set(["picture", "truth", "0"]);
  let shown = null;

  document.title = `${subject.title}: cellbench view`;
  report.hidden = !subject.report;
  subject.images.forEach((name, place) => choice.append(new Option(name, String(place))));
  for (const { name, colour } of subject.legend) {
    const item = document.createElement("li");
    item.append(swatchOf(colour), ` ${name}`);
    legend.append(item);
  }

  function swatchOf(colour) {
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.backgroundColor = colour;
    return swatch;
  }

  const names = ["picture", "truth", ...subject.sources.map((_, number) => String(number))];
  const title = (name) =>
    name === "picture" ? "Image" : name === "truth" ? "Truth" : subject.sources[name].name;
  const key = (name) =>
    name === "picture" ? "i" : name === "truth" ? "t" : name < 9 ? String(+name + 1) : "";
  const isThere = (name) =>
    name === "picture" ? shown.picture : name === "truth" ? shown.truth : shown.masks[name];

  const boxes = new Map();
  for (const name of names) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.dataset.layer = name;
    const swatch = swatchOf(subject.sources[name]?.colour ?? "");
    label.append(box, " ", swatch, ` ${title(name)}${key(name) ? ` [${key(name)}]` : ""}`);
    switches.append(label);
    box.addEventListener("change", () => toggle(name, box.checked));
    boxes.set(name, { box, swatch });
  }

  const toggle = (name, wanted) => {
    if (wanted) on.add(name);
    else on.delete(name);
    draw();
  };

  // What lies on top of each other, from below: kind of tile, source, and a colour or none.
  const layers = () => {
    const fate = colours.value === "fate" && shown.truth;
    return names
      .filter((name) => on.has(name) && isThere(name))
      .flatMap((name) => {
        if (name === "picture" || name === "truth") return [{ kind: name, source: 0 }];
        if (!fate) return [{ kind: "cells", source: name, colour: subject.sources[name].colour }];
        return [{ kind: "missed", source: name }, { kind: "found", source: name }];
      });
  };

  const elements = new Map();
  const layerElement = ({ kind, source }) => {
    const id = `${view.image}/${kind}/${source}`;
    if (!elements.has(id)) {
      const element = document.createElement("div");
      element.className = "layer";
      element.dataset.layer = `${kind}/${source}`;
      elements.set(id, { element, tiles: new Map() });
    }
    return [id, elements.get(id)];
  };

  const tileElement = (address, colour) => {
    const tile = document.createElement(colour ? "div" : "img");
    tile.className = "tile";
    if (colour) {
      tile.style.backgroundColor = colour;
      tile.style.maskImage = tile.style.webkitMaskImage = `url("${address}")`;
    } else {
      tile.alt = "";
      tile.draggable = false;
      tile.src = address;
      tile.addEventListener("error", () => { tile.hidden = true; });
    }
    return tile;
  };

  const bounds = () => {
    const { width, height } = stage.getBoundingClientRect();
    return { width: width || 1, height: height || 1 };
  };
  const fitting = () => {
    const { width, height } = bounds();
    return Math.min(width / shown.width, height / shown.height);
  };

  const draw = () => {
    if (!shown) return;
    const { width, height } = bounds();
    const dots = view.scale * (window.devicePixelRatio || 1);
    const level = Math.min(shown.levels, Math.max(0, Math.ceil(-Math.log2(dots))));
    const span = subject.side * 2 ** level; // image pixels of a tile
    const left = view.x - width / 2 / view.scale;
    const top = view.y - height / 2 / view.scale;
    const first = (from) => Math.max(0, Math.floor(from / span));
    const last = (from, size, whole) =>
      Math.min(Math.ceil(whole / span), Math.floor((from + size / view.scale) / span) + 1);
    const wanted = shown.width ? layers() : [];
    const seen = [];
    for (const layer of wanted) {
      const [id, known] = layerElement(layer);
      seen.push(known.element);
      const kept = new Map();
      for (let row = first(top); row < last(top, height, shown.height); row++) {
        for (let column = first(left); column < last(left, width, shown.width); column++) {
          const address = `tile/${id}/${level}/${column}/${row}`;
          const tile = known.tiles.get(address) ?? tileElement(address, layer.colour);
          const [wide, tall] = [
            Math.min(span, shown.width - column * span), Math.min(span, shown.height - row * span),
          ];
          tile.style.width = `${wide * view.scale}px`;
          tile.style.height = `${tall * view.scale}px`;
          tile.style.left = `${(column * span - left) * view.scale}px`;
          tile.style.top = `${(row * span - top) * view.scale}px`;
          if (!known.tiles.has(address)) known.element.append(tile);
          kept.set(address, tile);
        }
      }
      for (const [address, tile] of known.tiles) if (!kept.has(address)) tile.remove();
      known.tiles = kept;
    }
    if (seen.some((element, place) => stage.children[place] !== element)
        || seen.length !== stage.children.length) {
      stage.replaceChildren(...seen);
    }
    stage.classList.toggle("sharp", dots > 2);
    stage.dataset.level = String(level);
    for (const [name, { box, swatch }] of boxes) {
      box.checked = on.has(name);
      box.disabled = !isThere(name);
      swatch.hidden = name === "picture" || name === "truth"
        || (colours.value === "fate" && shown.truth);
    }
    legend.hidden = colours.value === "model" || !shown.truth;
    choice.value = String(view.image);
    status.textContent = `${view.image + 1} of ${subject.images.length}, `
      + `${shown.width ?? 0}×${shown.height ?? 0}, ${Math.round(view.scale * 1000) / 10} %`;
  };

  const held = () => {
    view.x = Math.min(shown.width, Math.max(0, view.x));
    view.y = Math.min(shown.height, Math.max(0, view.y));
    draw();
  };

  const zoom = (factor, px, py) => {
    if (!shown?.width) return;
    const { width, height } = bounds();
    const [dx, dy] = [(px ?? width / 2) - width / 2, (py ?? height / 2) - height / 2];
    const scale = Math.min(32, Math.max(fitting() / 2, view.scale * factor));
    view.x += dx / view.scale - dx / scale;
    view.y += dy / view.scale - dy / scale;
    view.scale = scale;
    held();
  };

  const reset = () => {
    if (!shown?.width) return draw();
    Object.assign(view, { x: shown.width / 2, y: shown.height / 2, scale: fitting() });
    draw();
  };

  const show = async (number) => {
    const count = subject.images.length;
    view.image = (number + count) % count;
    const asked = view.image;
    status.textContent = "opening …";
    const found = await get(`image/${asked}.json`);
    if (view.image !== asked) return;
    shown = found;
    problems.textContent = shown.problems.join("; ");
    elements.clear();
    reset();
  };

  const pan = (x, y) => {
    if (!shown?.width) return;
    view.x -= x / view.scale;
    view.y -= y / view.scale;
    held();
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
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const byKey = names.find((name) => key(name) === event.key.toLowerCase());
    if (event.shiftKey && pans[event.key]) pan(...pans[event.key]);
    else if (keys[event.key]) keys[event.key]();
    else if (byKey && shown && isThere(byKey)) toggle(byKey, !on.has(byKey));
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
  for (const button of document.querySelectorAll("button[data-action]")) {
    button.addEventListener("click", actions[button.dataset.action]);
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  let from = null;
  stage.addEventListener("pointerdown", (event) => {
    from = [event.clientX, event.clientY];
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!from) return;
    pan(event.clientX - from[0], event.clientY - from[1]);
    from = [event.clientX, event.clientY];
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, () => { from = null; });
  }
  window.addEventListener("resize", draw);
  await show(view.image);
})();
