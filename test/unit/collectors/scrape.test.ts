import { describe, expect, it } from "vitest";
import { type Collector, collector, single } from "../../../collectors/collector.ts";
import { Scrape } from "../../../collectors/scrape.ts";
import { FakeClock } from "../../fakes/clock.ts";
import { sampleOf } from "./scrapes.ts";

const good: Collector = collector({
  name: "good",
  metrics: [{ name: "good", help: "Good.", type: "gauge", labels: [], samples: (value: number) => single(value) }],
  read: () => 1,
});

const success = (text: string, name: string) => sampleOf(text, `node_scrape_collector_success{collector="${name}"}`);

describe("a scrape", () => {
  it("has the families of the others when one collector throws, and tells a failure once while it stays the same", async () => {
    const told: string[] = [];
    const bad: Collector = { name: "bad", metrics: [], collect: () => Promise.reject(new Error("broken")) };
    const onFailure = (name: string): void => void told.push(name);
    const scrape = new Scrape([bad, good], { clock: new FakeClock(), timeoutMs: () => 1000, onFailure });
    const text = await scrape.text();
    expect([success(text, "bad"), success(text, "good"), sampleOf(text, "good")]).toEqual(["0", "1", "1"]);
    await scrape.text();
    expect(told).toEqual(["bad"]);
  });

  it("leaves a collector that hangs behind, and does not start it again until it has come back", async () => {
    const clock = new FakeClock();
    let started = 0;
    let comeBack: () => void = () => undefined;
    const hanging: Collector = {
      name: "hanging",
      metrics: [],
      collect: () => {
        started += 1;
        return new Promise((resolve) => {
          comeBack = () => resolve([]);
        });
      },
    };
    const scrape = new Scrape([hanging, good], { clock, timeoutMs: () => 1000 });
    const first = scrape.text();
    await clock.advance(1000);
    expect(success(await first, "hanging")).toBe("0");
    expect(sampleOf(await first, 'node_scrape_collector_duration_seconds{collector="hanging"}')).toBe("1");
    expect(success(await scrape.text(), "hanging")).toBe("0");
    expect(started).toBe(1);
    comeBack();
    await clock.advance(0);
    const again = scrape.text();
    await clock.advance(0);
    comeBack();
    expect([success(await again, "hanging"), started]).toEqual(["1", 2]);
  });

  it("is made once for all who ask at the same time, and anew for who asks later", async () => {
    let collected = 0;
    const read = (): void => {
      collected += 1;
    };
    const counting = collector({ name: "counting", metrics: [], read });
    const scrape = new Scrape([counting], { clock: new FakeClock(), timeoutMs: () => 1000 });
    const texts = await Promise.all(Array.from({ length: 200 }, () => scrape.text()));
    expect([collected, new Set(texts).size]).toEqual([1, 1]);
    await scrape.text();
    expect(collected).toBe(2);
  });
});
