// Messages that go away by themselves: not while they are looked at, and not what has to be read. Bad ones stay.
import type { Toast } from "../bindings/Toast";
import { present, type Failure } from "../errors";

/** Long enough to read two short lines (WCAG 2.2.1 is met by what stays, and by the pause while one is looked at). */
const SHOWN_MS = 5000;
/** ... and to decide, where something can be done about it. */
const OFFERED_MS = 20_000;
const AT_MOST = 4;

/** What can be done about it. */
export interface Offer {
  label: string;
  /** The key that does the same. It is the newest message's that has keys; an older one loses its own for good, for
   * they mean what has happened since. */
  chord?: string;
  run: () => void;
}

export interface ShownToast extends Toast {
  key: number;
  offer?: Offer | undefined;
  /** Something else that can be done. */
  other?: Offer | undefined;
  /** It stays until it is dismissed. */
  stays: boolean;
}

function withoutKeys(toast: ShownToast): ShownToast {
  const without = (one: Offer | undefined) => one && { label: one.label, run: one.run };
  return { ...toast, offer: without(toast.offer), other: without(toast.other) };
}

class Toasts {
  shown: ShownToast[] = $state([]);
  #key = 0;
  /** The pointer or the focus is on one of them: none goes away. */
  #held = false;
  readonly #going = new Map<number, ReturnType<typeof setTimeout>>();

  /** Bad ones stay, and what is longer than two short lines. */
  show(
    toast: Toast,
    { offer, other, stays = false }: { offer?: Offer; other?: Offer; stays?: boolean } = {},
  ): void {
    const same = this.shown.find((one) => one.text === toast.text && one.kind === toast.kind);
    if (same) this.dismiss(same.key);
    const key = ++this.#key;
    const shown = {
      ...toast,
      key,
      offer,
      other,
      stays: stays || toast.kind === "bad" || toast.said.length > 0,
    };
    const older = offer?.chord || other?.chord ? this.shown.map(withoutKeys) : this.shown;
    this.shown = [...older, shown];
    // What stays until it is read does not have to make room for what goes by itself.
    while (this.shown.length > AT_MOST)
      this.dismiss((this.shown.find(({ stays }) => !stays) ?? this.shown[0])?.key ?? key);
    this.#letGo(shown);
  }

  /** While one is looked at (`true`) none goes; afterwards each has its time again. */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    for (const toast of this.shown) this.#letGo(toast);
  }

  #letGo({ key, stays, offer }: ShownToast): void {
    clearTimeout(this.#going.get(key));
    this.#going.delete(key);
    if (stays || this.#held) return;
    this.#going.set(
      key,
      setTimeout(() => this.dismiss(key), offer ? OFFERED_MS : SHOWN_MS),
    );
  }

  good(text: string): void {
    this.show({ kind: "good", text, hint: null, said: [] });
  }

  info(text: string, hint: string | null = null): void {
    this.show({ kind: "info", text, hint, said: [] });
  }

  failed(failure: Failure): void {
    this.show({
      kind: "bad",
      text: `${present(failure.code).title}. ${failure.message}`,
      hint: failure.hint,
      said: [],
    });
  }

  dismiss(key: number): void {
    clearTimeout(this.#going.get(key));
    this.#going.delete(key);
    this.shown = this.shown.filter((toast) => toast.key !== key);
  }
}

export const toasts = new Toasts();
