// Where the user writes. Enter sends, Shift+Enter makes a line; on a touch keyboard, which has no Shift+Enter, Enter makes a line.

export class Composer {
  #form = document.getElementById("composer");
  #area = document.getElementById("prompt");
  #send = document.getElementById("send");
  #stop = document.getElementById("stop");
  #touch = matchMedia("(hover: none) and (pointer: coarse)");

  /** @param actions send(text), which returns whether it was taken; stop(); editLast(). */
  constructor(actions) {
    this.#form.addEventListener("submit", e => {
      e.preventDefault();
      this.#submit(actions);
    });
    this.#area.addEventListener("keydown", e => {
      if (e.key === "Enter" && !e.shiftKey && !e.isComposing && !this.#touch.matches) {
        e.preventDefault();
        this.#submit(actions);
      } else if (e.key === "ArrowUp" && this.#area.value === "" && actions.editLast()) {
        e.preventDefault();
      }
    });
    this.#area.addEventListener("input", () => this.#changed());
    this.#stop.addEventListener("click", () => { actions.stop(); this.focus(); });
    this.#changed();
  }

  /** Goes to the field, but where that would bring up a keyboard over the answer. */
  focus() {
    if (!this.#touch.matches) this.#area.focus({ preventScroll: true });
  }

  /** The text that the user has not sent yet. */
  get text() {
    return this.#area.value;
  }

  set text(value) {
    this.#area.value = value;
    this.#changed();
  }

  /** Shows whether the model writes, and whether it chats or only continues. */
  show(writing, chat) {
    this.#stop.hidden = !writing;
    this.#send.hidden = writing;
    this.#area.placeholder = chat ? "Write a message" : "Write the beginning of a text";
  }

  #submit(actions) {
    if (this.#area.value.trim() !== "" && actions.send(this.#area.value)) this.text = "";
  }

  #changed() {
    this.#send.disabled = this.#area.value.trim() === "";
    if (CSS.supports("field-sizing", "content")) return;
    this.#area.style.height = "auto";
    this.#area.style.height = `${this.#area.scrollHeight}px`;
  }
}
