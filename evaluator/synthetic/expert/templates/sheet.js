"use strict";
(() => {
  const form = document.getElementById("sheet");
  const told = document.getElementById("told");
  const items = [...form.querySelectorAll("legend")].map((legend) => legend.textContent);
  const answer = (item) => new FormData(form).get(item) || "";
  const count = () => items.filter((item) => answer(item)).length;
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;

  form.addEventListener("change", () => {
    told.textContent = `${count()} of ${items.length} answered`;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const field = document.getElementById("expert");
    const expert = field.value.trim();
    if (!expert) {
      told.textContent = "Please give a name or sign first.";
      field.focus();
      return;
    }
    const lines = items.map((item) => [form.dataset.sheet, quoted(expert), item, answer(item)].join(","));
    const text = ["sheet,expert,item,answer", ...lines, ""].join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = `answers-${expert.replace(/[^\w-]+/g, "_")}.csv`;
    link.click();
    told.textContent = `${count()} of ${items.length} answered, saved as ${link.download}`;
  });
})();
