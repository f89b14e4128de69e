// How large the console is drawn: in the steps that browsers have, those of a session's window too.
import * as ipc from "../ipc";
import { remember, remembered } from "./remembered";

const STEPS = [0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 3];

export class Zoom {
  #factor = STEPS.find((step) => String(step) === remembered("zoom")) ?? 1;

  /** As it was left: a new window begins at 100 %. */
  async restore(): Promise<void> {
    if (this.#factor !== 1) await ipc.setZoom(this.#factor);
  }

  async in(): Promise<void> {
    await this.#to(STEPS.find((step) => step > this.#factor));
  }

  async out(): Promise<void> {
    await this.#to(STEPS.findLast((step) => step < this.#factor));
  }

  async reset(): Promise<void> {
    await this.#to(1);
  }

  async #to(factor: number | undefined): Promise<void> {
    if (factor === undefined || factor === this.#factor) return;
    this.#factor = factor;
    remember("zoom", String(factor));
    await ipc.setZoom(factor);
  }
}
