// The bar's height, and who has the keys once it has changed.
import { beforeEach, expect, test, vi } from "vitest";
import { BarSession } from "../../src/bar/session.svelte";
import { installFake, type Fake } from "../fake/understudy";

let fake: Fake;
beforeEach(() => {
  fake = installFake({}, "bar-1");
  document.body.innerHTML = `<button id="line"></button><div class="unfolded"><input /></div>`;
});

const requests = () => fake.called("set_bar_height").map(({ args }) => args);
const focus = (selector: string) => document.querySelector<HTMLElement>(selector)?.focus();

test("a question that comes while the bar is being folded has the keys in the end", async () => {
  const bar = new BarSession();
  await bar.fit(120);
  expect(requests()).toEqual([{ height: 120, takesKeys: false }]);

  const window = fake.hold("set_bar_height");
  const folded = bar.fit(46);
  await vi.waitFor(() => expect(window.waiting()).toBe(1));
  focus(".unfolded input");
  void bar.fit(90);
  void bar.fit(130);
  expect(requests()).toHaveLength(2);
  window.stop();
  await folded;
  expect(requests().slice(1)).toEqual([
    { height: 46, takesKeys: false },
    { height: 130, takesKeys: true },
  ]);
});

test("what unfolds without taking the focus, or grows, leaves the keys where they are", async () => {
  const bar = new BarSession();
  focus("#line");
  await bar.fit(90);
  focus(".unfolded input");
  await bar.fit(130);
  expect(requests().map(({ takesKeys }) => takesKeys)).toEqual([false, false]);
});

test("a window that cannot be changed is asked again with the next height", async () => {
  const bar = new BarSession();
  fake.refuse("set_bar_height", { code: "window_failed", message: "There is no window." });
  await bar.fit(90);
  expect(bar.failure?.message).toBe("There is no window.");
  await bar.fit(100);
  expect(requests().at(-1)).toEqual({ height: 100, takesKeys: false });
});
