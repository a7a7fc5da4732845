// The list of conversations, and what is done with whole ones.
import { h, iconButton, toast } from "./dom.js";

export class Sidebar {
  #element = document.getElementById("sidebar");
  #list = document.getElementById("conversations");
  #opener = document.getElementById("open-sidebar");
  #shade = document.getElementById("shade");
  #narrow = matchMedia("(max-width: 56rem)");
  #actions;

  /** @param actions open(id), create(), remove(conversation), rename(conversation, title), store. */
  constructor(actions) {
    this.#actions = actions;
    document.getElementById("new").addEventListener("click", () => { actions.create(); this.#leave(); });
    document.getElementById("export").addEventListener("click", () => this.#export());
    const file = document.getElementById("import-file");
    document.getElementById("import").addEventListener("click", () => file.click());
    file.addEventListener("change", () => this.#import(file));
    this.#opener.addEventListener("click", () => this.#toggle(!this.isOpen));
    document.getElementById("close-sidebar").addEventListener("click", () => this.close());
    this.#shade.addEventListener("click", () => this.close());
    this.#narrow.addEventListener("change", () => this.#toggle(!this.#narrow.matches));
    this.#toggle(!this.#narrow.matches);
  }

  get isOpen() {
    return !this.#element.hidden;
  }

  /** Whether it lies over the conversation instead of beside it. */
  get covers() {
    return this.isOpen && this.#narrow.matches;
  }

  close() {
    const inside = this.#element.contains(document.activeElement);
    this.#toggle(false);
    if (inside) this.#opener.focus();
  }

  render(conversations, currentId, running) {
    const groups = Map.groupBy ? Map.groupBy(conversations, c => age(c.updated)) : new Map([["", conversations]]);
    this.#list.replaceChildren(...[...groups].flatMap(([name, group]) => [
      h("h2", {}, name),
      h("ul", {}, ...group.map(c => this.#item(c, c.id === currentId, running.has(c.id)))),
    ]));
  }

  #item(conversation, current, running) {
    const item = h("li", { class: current ? "current" : null },
      h("button", { type: "button", class: "title", "aria-current": current ? "true" : null, onclick: () => { this.#actions.open(conversation.id); this.#leave(); } },
        h("span", {}, conversation.title || "Untitled"), running && h("span", { class: "running", title: "Being answered" })),
      iconButton("edit", `Rename '${conversation.title}'`, () => this.#rename(item, conversation)),
      iconButton("bin", `Delete '${conversation.title}'`, () => this.#actions.remove(conversation)));
    return item;
  }

  #rename(item, conversation) {
    const input = h("input", { "aria-label": "Title", value: conversation.title, maxlength: "200" });
    let open = true;
    const done = title => {
      if (!open) return;
      open = false;
      this.#actions.rename(conversation, title.trim() || conversation.title);
    };
    input.addEventListener("keydown", e => {
      if (e.key === "Enter") done(input.value);
      else if (e.key === "Escape") { e.stopPropagation(); done(conversation.title); }
    });
    input.addEventListener("blur", () => done(input.value));
    item.replaceChildren(input);
    input.select();
  }

  #export() {
    const url = URL.createObjectURL(new Blob([this.#actions.store.exportAll()], { type: "application/json" }));
    const link = h("a", { href: url, download: `hadal-conversations-${new Date().toISOString().slice(0, 10)}.json` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  async #import(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    try {
      const added = this.#actions.store.import(await file.text());
      toast(added === 1 ? "One conversation came in." : `${added} conversations came in.`);
    } catch (error) {
      toast(error.message);
    }

    this.#actions.changed();
  }

  #toggle(open) {
    this.#element.hidden = !open;
    this.#shade.hidden = !this.covers;
    document.querySelector("main").inert = this.covers;
    this.#opener.setAttribute("aria-expanded", String(open));
    document.body.classList.toggle("with-sidebar", open);
    if (this.covers) document.getElementById("close-sidebar").focus();
  }

  #leave() {
    if (this.covers) this.#toggle(false);
  }
}

function age(time) {
  const midnight = new Date().setHours(0, 0, 0, 0), day = 86_400_000;
  if (time >= midnight) return "Today";
  if (time >= midnight - day) return "Yesterday";
  return time >= midnight - 6 * day ? "This week" : "Earlier";
}
