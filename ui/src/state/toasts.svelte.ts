// Messages that go away by themselves. Good and plain ones after some seconds, bad ones when dismissed.
import type { Toast } from "../bindings/Toast";
import { present, type Failure } from "../errors";

/** Long enough to read two short lines (WCAG 2.2.1 is met by what stays: bad ones do not leave). */
const SHOWN_MS = 5000;
const AT_MOST = 4;

export interface ShownToast extends Toast {
  key: number;
}

/** Bad ones stay, and what is longer than two short lines. */
const goes = ({ kind, said }: Toast) => kind !== "bad" && said.length === 0;

class Toasts {
  shown: ShownToast[] = $state([]);
  #key = 0;

  show(toast: Toast): void {
    const same = this.shown.find((one) => one.text === toast.text && one.kind === toast.kind);
    if (same) this.dismiss(same.key);
    const key = ++this.#key;
    this.shown = [...this.shown, { ...toast, key }];
    // What stays until it is read does not have to make room for what goes by itself.
    while (this.shown.length > AT_MOST) this.dismiss((this.shown.find(goes) ?? this.shown[0])?.key ?? key);
    if (goes(toast)) setTimeout(() => this.dismiss(key), SHOWN_MS);
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
    this.shown = this.shown.filter((toast) => toast.key !== key);
  }
}

export const toasts = new Toasts();
