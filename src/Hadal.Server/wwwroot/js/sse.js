// Server-sent events, parsed as the HTML standard says (section 9.2.6): lines end in CR, LF or CRLF, an event ends with an
// empty line, its data lines are joined by LF, comments begin with a colon. Pieces may be cut anywhere, between CR and LF too.

export class EventParser {
  #line = "";
  #data = null;
  #afterReturn = false;
  #first = true;

  /** Takes a piece of decoded text; returns the data of the events that it completes. */
  push(text) {
    if (this.#first && text.length > 0) {
      this.#first = false;
      if (text[0] === "\ufeff") text = text.slice(1);
    }

    const complete = [];
    let from = 0;
    if (this.#afterReturn && text.length > 0) {
      this.#afterReturn = false;
      if (text[0] === "\n") from = 1;
    }

    const ends = /\r\n|\r|\n/g;
    ends.lastIndex = from;
    for (let end; (end = ends.exec(text)) !== null; from = ends.lastIndex) {
      const data = this.#take(this.#line + text.slice(from, end.index));
      this.#line = "";
      if (data !== null) complete.push(data);
      this.#afterReturn = end[0] === "\r" && ends.lastIndex === text.length;
    }

    this.#line += text.slice(from);
    return complete;
  }

  #take(line) {
    if (line === "") {
      const data = this.#data;
      this.#data = null;
      return data;
    }

    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== "data") return null;
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    return null;
  }
}

/** The data of the events of a stream of bytes. Leaving the loop cancels the stream. */
export async function* events(stream) {
  const parser = new EventParser(), decoder = new TextDecoder(), reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
