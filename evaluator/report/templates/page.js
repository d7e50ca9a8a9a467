"use strict";
// Sorting and filtering of tables. Without this script the tables stand as they were printed.
(() => {
  // A box that has nothing to scroll is no stop for the Tab key.
  const boxes = document.querySelectorAll(".scroll");
  const observer = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of boxes) observer.observe(box);

  const value = (row, place) => {
    const text = row.cells[place].textContent.trim();
    const number = parseFloat(text.replaceAll(",", ""));
    return text === "–" ? null : Number.isNaN(number) ? text : number;
  };

  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

  const sort = (table, place, descending) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].filter((row) => !row.classList.contains("total"));
    const totals = [...body.rows].filter((row) => row.classList.contains("total"));
    rows.sort((one, other) => {
      const [a, b] = [value(one, place), value(other, place)];
      if (a === null || b === null) return (a === null) - (b === null); // dashes stay last
      return descending ? compare(b, a) : compare(a, b);
    });
    body.append(...rows, ...totals);
  };

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    [...table.tHead.rows[0].cells].forEach((cell, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const first = cell.classList.contains("number") ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const order = cell.getAttribute("aria-sort") === first ? second : first;
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", order);
        sort(table, place, order === "descending");
      });
    });
  }

  for (const table of document.querySelectorAll("table[data-filter]")) {
    const label = document.createElement("label");
    label.className = "filter";
    const input = document.createElement("input");
    input.type = "search";
    const count = document.createElement("span");
    count.className = "muted";
    count.setAttribute("role", "status");
    label.append("Show rows that contain ", input, " ", count);
    table.closest(".scroll").before(label);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      count.textContent = words.length ? `${shown} of ${table.tBodies[0].rows.length}` : "";
    });
  }
})();
