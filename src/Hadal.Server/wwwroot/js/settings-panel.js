// The panel with the settings: made from their description, kept as they are typed.
import { h } from "./dom.js";
import { FIELDS, initialSettings, parseSettings, read } from "./settings.js";
import { keep, load } from "./store.js";

export class SettingsPanel {
  #element = document.getElementById("settings");
  #opener = document.getElementById("open-settings");
  #inputs = {};
  #keyRow;

  constructor() {
    this.values = parseSettings(load("settings"));
    const form = document.getElementById("settings-fields");
    form.append(...Object.keys(FIELDS).map(name => this.#row(name)));
    this.#key();
    this.#show();
    document.getElementById("settings-reset").addEventListener("click", () => {
      this.values = initialSettings();
      this.#save();
      this.#show();
    });
    this.#opener.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    document.getElementById("close-settings").addEventListener("click", () => this.close());
  }

  get isOpen() {
    return !this.#element.hidden;
  }

  get apiKey() {
    return load("key") ?? "";
  }

  open(focus = null) {
    this.#element.hidden = false;
    this.#opener.setAttribute("aria-expanded", "true");
    (focus ?? this.#element.querySelector("input, textarea")).focus();
  }

  close() {
    const inside = this.#element.contains(document.activeElement);
    this.#element.hidden = true;
    this.#opener.setAttribute("aria-expanded", "false");
    if (inside) this.#opener.focus();
  }

  /** The server asks for a key. */
  askForKey() {
    this.#keyRow.hidden = false;
    this.open(this.#keyRow.querySelector("input"));
  }

  /** Called when a new key was entered. */
  onkey = () => {};

  #row(name) {
    const field = FIELDS[name], id = `set-${name}`;
    const input = field.kind === "text" ? h("textarea", { id, rows: "4" })
      : field.kind === "boolean" ? h("input", { id, type: "checkbox", role: "switch" })
      : h("input", { id, inputmode: field.kind === "integer" ? "numeric" : "decimal", autocomplete: "off", placeholder: "default" });
    const wrong = h("span", { class: "wrong", id: `${id}-wrong`, role: "status" });
    input.setAttribute("aria-describedby", wrong.id);
    input.addEventListener("input", () => {
      const value = read(name, field.kind === "boolean" ? input.checked : input.value);
      input.setAttribute("aria-invalid", String(value === undefined));
      wrong.textContent = value === undefined ? `${field.kind === "integer" ? "A whole number" : "A number"} from ${field.min} to ${field.max.toLocaleString("en")}.` : "";
      if (value === undefined) return; // the last good value stays
      this.values[name] = value;
      this.#save();
    });
    this.#inputs[name] = input;
    return h("div", { class: `field ${field.kind}` }, h("label", { for: id }, field.label, field.hint && h("small", {}, field.hint)), input, wrong);
  }

  #key() {
    const input = h("input", { id: "set-key", type: "password", autocomplete: "off", spellcheck: "false" });
    const form = h("form", { class: "field key", onsubmit: e => { e.preventDefault(); keep("key", input.value.trim()); this.onkey(); } },
      h("label", { for: "set-key" }, "API key", h("small", {}, "kept in this browser")), input, h("button", { type: "submit" }, "Use"));
    input.value = this.apiKey;
    form.hidden = this.apiKey === "";
    this.#keyRow = form;
    document.getElementById("settings-key").append(form);
  }

  #show() {
    for (const [name, input] of Object.entries(this.#inputs)) {
      if (FIELDS[name].kind === "boolean") input.checked = this.values[name];
      else input.value = this.values[name] ?? "";
      input.setAttribute("aria-invalid", "false");
      input.parentElement.querySelector(".wrong").textContent = "";
    }
  }

  #save() {
    keep("settings", JSON.stringify(this.values));
  }
}
