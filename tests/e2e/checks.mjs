// Counts what holds and what does not. A check never throws, so that one failure does not hide the next; a step that throws is one failure.

export class Checks {
  passed = 0;
  failed = 0;

  /** One check: what should hold, whether it does, and what was seen if not. */
  that(what, holds, seen = undefined) {
    if (holds) this.passed++;
    else {
      this.failed++;
      console.log(`  FAILED: ${what}${seen === undefined ? "" : `; saw ${typeof seen === "string" ? seen : JSON.stringify(seen)}`.slice(0, 600)}`);
    }

    return Boolean(holds);
  }

  equal(what, actual, expected) {
    const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
    return this.that(what, a === e, `${a}, expected ${e}`);
  }

  /** Checks that a promise is rejected with an error that `holds` accepts. */
  async rejects(what, promise, holds) {
    try {
      const value = await promise;
      return this.that(what, false, `success: ${JSON.stringify(value)}`);
    } catch (error) {
      return this.that(what, holds(error), `${error.constructor.name}: ${error.message}`);
    }
  }

  /** A named part. */
  async step(name, body) {
    const before = this.failed, began = performance.now();
    try {
      await body();
    } catch (error) {
      this.failed++;
      console.log(`  FAILED: ${name}: ${error.stack ?? error}`);
    }

    console.log(`${this.failed === before ? "ok    " : "FAILED"} ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  }
}

/** Waits until a condition holds; throws after the time. */
export async function until(what, condition, ms = 20_000) {
  for (const end = performance.now() + ms; ;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${ms / 1000} s in vain for: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
