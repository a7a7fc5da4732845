// The server, through its OpenAI-compatible endpoints and nothing else.
import { events } from "./sse.js";

/** The server refused: its own words, and how long it asks to wait. */
export class ApiError extends Error {
  constructor(message, status, retryAfter = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.retryAfter = retryAfter; // seconds
  }
}

/** Nothing came, or what came broke off before its end. */
export class ConnectionLost extends Error {
  constructor(message) {
    super(message);
    this.name = "ConnectionLost";
  }
}

export class Api {
  #key;

  /** @param key Called before each request; returns the API key, or an empty text. */
  constructor(key) {
    this.#key = key;
  }

  /** The models: [{ id, chat, context }]. `chat` is false for those that only continue text. */
  async models() {
    const response = await this.#send("v1/models", { method: "GET" });
    const list = await response.json();
    return list.data.map(model => ({ id: model.id, chat: model.supports_chat !== false, context: model.context_length ?? null }));
  }

  /** The chunks of a streamed answer, up to the [DONE] that ends it. */
  async *stream(path, body, signal) {
    const response = await this.#send(path, { method: "POST", body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }), signal });
    try {
      for await (const data of events(response.body)) {
        if (data === "[DONE]") return;
        const chunk = JSON.parse(data);
        if (chunk.error) throw new ApiError(sentence(chunk.error), 200);
        yield chunk;
      }
    } catch (error) {
      if (error instanceof ApiError || error.name === "AbortError") throw error;
      throw new ConnectionLost("The connection to the server broke off.");
    }

    throw new ConnectionLost("The server ended the answer before it was complete.");
  }

  async #send(path, options) {
    const headers = { Accept: "application/json, text/event-stream" };
    if (options.body) headers["Content-Type"] = "application/json";
    const key = this.#key();
    if (key) headers.Authorization = `Bearer ${key}`;
    let response;
    try {
      response = await fetch(path, { ...options, headers, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ConnectionLost("The server can't be reached.");
    }

    if (response.ok) return response;
    const text = await response.text().catch(() => "");
    let message = `The server answered ${response.status} ${response.statusText}`.trim() + ".";
    try {
      message = sentence(JSON.parse(text).error);
    } catch {
      // Not the shape that errors have here, for example from a proxy in between; the status says what can be said.
    }

    const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
    throw new ApiError(message, response.status, Number.isFinite(wait) ? wait : null);
  }
}

function sentence(error) {
  if (typeof error === "string") return error;
  if (typeof error?.message === "string") return error.message;
  throw new TypeError("no message");
}
