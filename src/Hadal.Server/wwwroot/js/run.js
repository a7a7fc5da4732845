// One run of the model: asks for answers, and writes into their messages what comes, until it ends, is stopped or fails.
import { chatMessages, plainText } from "./conversation.js";
import { requestFields } from "./settings.js";

export class Run {
  #api;
  #controller = new AbortController();
  #began = performance.now();
  #first = null;
  #last = null;
  #chunks = 0;

  /**
   * @param api The server.
   * @param messages What was said so far.
   * @param answers The messages to write into, one for each answer.
   */
  constructor(api, model, settings, messages, answers) {
    Object.assign(this, { model, settings, messages, answers });
    this.#api = api;
    for (const answer of answers) Object.assign(answer, { content: "", reasoning: "", finish: null, model: model.id });
  }

  stop() {
    this.#controller.abort();
  }

  get elapsed() {
    return performance.now() - this.#began;
  }

  /** Pieces a second so far; a piece is mostly one token. Null before there is anything to tell. */
  get rate() {
    const ms = this.#last - this.#first;
    return this.#chunks > this.answers.length && ms > 200 ? ((this.#chunks - this.answers.length) * 1000) / ms : null;
  }

  /** Runs to the end. Calls `changed` after each piece; returns the error that ended it, or null. */
  async complete(changed) {
    let failure = null, usage = null;
    try {
      for await (const chunk of this.#api.stream(...this.#request(), this.#controller.signal)) {
        for (const choice of chunk.choices ?? []) this.#take(choice);
        usage = chunk.usage ?? usage;
        changed();
      }
    } catch (error) {
      failure = error;
    }

    this.#end(failure, usage);
    return failure?.name === "AbortError" ? null : failure;
  }

  #request() {
    const body = { model: this.model.id, ...requestFields(this.settings, this.model.chat) };
    return this.model.chat
      ? ["v1/chat/completions", { ...body, messages: chatMessages(this.messages, this.settings.system) }]
      : ["v1/completions", { ...body, prompt: plainText(this.messages) }];
  }

  #take(choice) {
    const answer = this.answers[choice.index ?? 0];
    if (!answer) return;
    const content = choice.delta?.content ?? choice.text ?? "", reasoning = choice.delta?.reasoning_content ?? "";
    const now = performance.now();
    if (content !== "" || reasoning !== "") {
      this.#first ??= now;
      this.#last = now;
      this.#chunks++;
    }

    if (reasoning !== "") {
      answer.thinkingSince ??= now;
      answer.reasoning += reasoning;
    }

    if (content !== "") {
      this.#endThinking(answer, now);
      answer.content += content;
    }

    if (choice.finish_reason) {
      this.#endThinking(answer, now);
      answer.finish = choice.finish_reason;
    }
  }

  #endThinking(answer, now) {
    if (answer.thinkingSince === undefined) return;
    answer.thoughtMs = now - answer.thinkingSince;
    delete answer.thinkingSince;
  }

  #end(failure, usage) {
    const now = performance.now();
    const finish = failure === null ? "stop" : failure.name === "AbortError" ? "stopped" : failure.name === "ConnectionLost" ? "lost" : "error";
    for (const answer of this.answers) {
      this.#endThinking(answer, now);
      answer.finish ??= finish;
      if (failure !== null && failure.name !== "AbortError") answer.error = failure.retryAfter ? `${failure.message} The server asks to wait ${failure.retryAfter} s.` : failure.message;
      if (this.#first !== null) answer.stats = this.#stats(usage);
    }
  }

  #stats(usage) {
    const stats = { answers: this.answers.length, firstMs: this.#first - this.#began, ms: this.#last - this.#first };
    if (usage === null) return { ...stats, pieces: this.#chunks };
    stats.promptTokens = usage.prompt_tokens;
    stats.completionTokens = usage.completion_tokens;
    if (usage.prompt_tokens_details?.cached_tokens) stats.cachedTokens = usage.prompt_tokens_details.cached_tokens;
    if (usage.completion_tokens_details?.reasoning_tokens) stats.reasoningTokens = usage.completion_tokens_details.reasoning_tokens;
    return stats;
  }
}
