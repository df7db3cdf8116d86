import { describe, expect, it } from "vitest";
import { Listeners } from "../../../ovs/src/listeners.ts";

describe("Listeners", () => {
  it("call each listener, one function twice if it was added twice, until it is removed", () => {
    const heard: number[] = [];
    const listeners = new Listeners<number>(() => undefined);
    const listen = (value: number): void => void heard.push(value);
    const remove = listeners.add(listen);
    listeners.add(listen);
    listeners.emit(1);
    remove();
    remove();
    listeners.emit(2);
    expect(heard).toEqual([1, 1, 2]);
  });

  it("leave out who is removed meanwhile, and who is added meanwhile until the next time", () => {
    const heard: string[] = [];
    const listeners = new Listeners<string>(() => undefined);
    listeners.add(() => {
      removeSecond();
      listeners.add(() => heard.push("late"));
    });
    const removeSecond = listeners.add(() => heard.push("removed"));
    listeners.add(() => heard.push("third"));
    listeners.emit("x");
    expect(heard).toEqual(["third"]);
  });

  it("go on after one that throws, even if nobody can be told", () => {
    const heard: unknown[] = [];
    const listeners = new Listeners<number>((error) => {
      heard.push(error);
      throw error;
    });
    const mine = new Error("mine");
    listeners.add(() => {
      throw mine;
    });
    listeners.add((value) => heard.push(value));
    listeners.emit(7);
    expect(heard).toEqual([mine, 7]);
  });
});
