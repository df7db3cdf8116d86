import type { Tone } from "../../web/page/tone.ts";
import type { Box, Leg, Wiring } from "../../web/page/wiring.ts";
import { Canvas, type Weight } from "./canvas.ts";

/*
 * The wiring as a picture of characters: boxes from left to right where the terminal is wide enough, else a tree. Pure. What carries
 * the traffic is drawn double, a standby dashed, what is cut with an x in it.
 */

export function drawWiring(wiring: Wiring, columns: number, colour: boolean): readonly string[] {
  const wide = inBoxes(wiring);
  return (wide.width <= columns ? wide.canvas : asTree(wiring, columns)).lines(colour);
}

const NONE = { canvas: new Canvas(), width: 0 };
/** The end of a NIC that carries nothing to the bond. */
const LOOSE = "─x";
/** Between two boxes, so that a dash, an x and what joins them can be told apart. */
const GAP = 5;
/** Between a box and the upright line beside it. */
const STEP = 3;

interface Placed {
  readonly box: Box;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const linesOf = ({ name, note, state, mark }: Box): readonly string[] =>
  [name, note, state, mark ?? ""].filter((line) => line !== "");

const middleOf = ({ y, height }: Placed): number => y + Math.floor((height - 1) / 2);

/** Boxes in a column, in the middle of the picture's height. */
function column(boxes: readonly Box[], x: number, rows: readonly number[], height: number): readonly Placed[] {
  const width = Math.max(0, ...boxes.flatMap(linesOf).map((line) => [...line].length)) + 4;
  const all = rows.reduce((sum, each) => sum + each, 0);
  let y = Math.floor((height - all) / 2);
  return boxes.map((box, i) => {
    const own = rows[i] ?? 0;
    const placed = { box, x, y, width, height: own };
    y += own;
    return placed;
  });
}

function inBoxes({ legs, bond, bridge, ports }: Wiring): { readonly canvas: Canvas; readonly width: number } {
  const rowsOf = (box: Box): number => linesOf(box).length + 2;
  const legRows = legs.map(({ fabric, nic }) => Math.max(rowsOf(fabric), rowsOf(nic)));
  const portRows = ports.map(rowsOf);
  const sum = (rows: readonly number[]): number => rows.reduce((all, each) => all + each, 0);
  const height = Math.max(sum(legRows), sum(portRows), rowsOf(bond), rowsOf(bridge));
  const endOf = (placed: readonly Placed[]): number => Math.max(0, ...placed.map(({ x, width }) => x + width));

  const fabrics = column(
    legs.map(({ fabric }) => fabric),
    0,
    legRows,
    height,
  );
  const nics = column(
    legs.map(({ nic }) => nic),
    endOf(fabrics) + GAP,
    legRows,
    height,
  );
  const left = endOf(nics) + STEP - 1;
  const [bonded] = column([bond], left + STEP, [rowsOf(bond)], height);
  if (bonded === undefined) return NONE;
  const [bridged] = column([bridge], endOf([bonded]) + GAP, [rowsOf(bridge)], height);
  if (bridged === undefined) return NONE;
  const right = endOf([bridged]) + STEP - 1;
  const hung = column(ports, right + STEP, portRows, height);

  const canvas = new Canvas();
  for (const placed of [...fabrics, ...nics, bonded, bridged, ...hung]) drawBox(canvas, placed);
  legs.forEach((leg, i) => {
    const [fabric, nic] = [fabrics[i], nics[i]];
    if (fabric === undefined || nic === undefined) return;
    cable(canvas, [fabric.x + fabric.width - 1, nic.x], middleOf(nic), leg.cable);
    drop(canvas, nic.x + nic.width - 1, left, [middleOf(nic), middleOf(bonded)], leg);
  });
  const carried = weightOf(bond.tone);
  if (legs.length > 0) {
    canvas.stub(left, middleOf(bonded), "right", carried, bond.tone);
    canvas.line([left, middleOf(bonded)], [bonded.x, middleOf(bonded)], carried, bond.tone);
  }
  canvas.line([bonded.x + bonded.width - 1, middleOf(bonded)], [bridged.x, middleOf(bridged)], carried, bond.tone);
  for (const port of hung) {
    const tone = port.box.tone === "wait" ? undefined : port.box.tone;
    canvas.line([bridged.x + bridged.width - 1, middleOf(bridged)], [right, middleOf(bridged)], 1);
    canvas.line([right, middleOf(bridged)], [right, middleOf(port)], 1);
    canvas.line([right, middleOf(port)], [port.x, middleOf(port)], 1, tone);
  }
  return { canvas, width: endOf(hung.length > 0 ? hung : [bridged]) };
}

function drawBox(canvas: Canvas, { box, x, y, width, height }: Placed): void {
  const [right, bottom] = [x + width - 1, y + height - 1];
  const frame = box.tone === "wait" ? undefined : box.tone;
  canvas.line([x, y], [right, y], 1, frame);
  canvas.line([x, bottom], [right, bottom], 1, frame);
  canvas.line([x, y], [x, bottom], 1, frame);
  canvas.line([right, y], [right, bottom], 1, frame);
  const rows = linesOf(box);
  rows.forEach((line, i) => {
    const tone: Tone = line === box.state || line === box.mark ? box.tone : "wait";
    canvas.text(x + 2, y + 1 + i, line, tone);
  });
}

/** What is cut or idle is written over the gap; only what carries joins the boxes. */
function cable(canvas: Canvas, [from, to]: readonly [number, number], y: number, tone: Tone): void {
  if (tone === "good") canvas.line([from, y], [to, y], 2, tone);
  else canvas.text(from + 1, y, gapOf(to - from - 1, tone), tone);
}

function gapOf(length: number, tone: Tone): string {
  if (tone !== "bad") return "- ".repeat(length).slice(0, length);
  const before = Math.floor((length - 1) / 2);
  return `${"─".repeat(before)}x${"─".repeat(length - 1 - before)}`;
}

const weightOf = (tone: Tone): Weight => (tone === "good" ? 2 : 1);

/** From a NIC along the upright line to the bond. */
function drop(canvas: Canvas, from: number, spine: number, [y, to]: readonly [number, number], leg: Leg): void {
  const weight = weightOf(leg.inBond);
  if (leg.inBond === "good") canvas.line([from, y], [spine, y], 2, leg.inBond);
  else {
    const gap = spine - from - 1;
    canvas.text(from + 1, y, leg.inBond === "bad" ? LOOSE : gapOf(gap, leg.inBond), leg.inBond);
  }
  if (leg.inBond === "bad") return;
  if (leg.inBond === "wait") canvas.stub(spine, y, "left", 1, leg.inBond);
  canvas.line([spine, y], [spine, to], weight, leg.inBond);
}

/** One upright line, with the links on its left above the bond, and the ports on its right below the bridge. */
function asTree({ legs, bond, bridge, ports }: Wiring, columns: number): Canvas {
  const canvas = new Canvas();
  const width = (boxes: readonly Box[]): number => Math.max(0, ...boxes.map(({ name }) => short(name).length));
  const wf = width(legs.map(({ fabric }) => fabric));
  const wn = width(legs.map(({ nic }) => nic));
  const nicAt = wf + 5;
  const spine = Math.max(nicAt + wn + 4, 4);
  let y = 0;
  let carries: Leg | undefined;
  let any = false;
  for (const leg of legs) {
    const { fabric, nic } = leg;
    const top = y;
    canvas.text(0, y, short(fabric.name).padEnd(wf), "wait");
    run(canvas, [wf + 1, 3], y, leg.cable);
    canvas.text(nicAt, y, short(nic.name), nic.tone);
    const after = nicAt + short(nic.name).length + 1;
    if (leg.inBond === "bad") canvas.text(after, y, LOOSE, "bad");
    else run(canvas, [after, spine - after], y, leg.inBond);
    const joined = leg.inBond !== "bad";
    if (joined) canvas.stub(spine, y, "left", weightOf(leg.inBond), leg.inBond);
    const states = [nic.state, nic.mark].filter(Boolean).join(", ");
    const where = fabric.state === "" ? "" : `${fabric.note}, ${fabric.state}`;
    y = notes(canvas, [spine + 3, y], columns, [
      [states, nic.tone],
      [nic.note, undefined],
      [where, undefined],
    ]);
    if (leg.inBond === "good") carries = leg;
    any ||= joined;
    if (any) canvas.line([spine, top], [spine, y], carries === undefined ? 1 : 2, carries?.inBond ?? "wait");
  }
  const bondAt = Math.max(0, spine - Math.floor(bond.name.length / 2));
  y = named(canvas, bondAt, y, columns, spine, bond);
  canvas.line([spine, y], [spine, y], 1);
  const weight = weightOf(bond.tone);
  canvas.stub(spine, y, "up", weight, bond.tone);
  canvas.stub(spine, y, "down", weight, bond.tone);
  y = named(canvas, Math.max(0, spine - Math.floor(bridge.name.length / 2)), y + 1, columns, spine, bridge);
  const names = width(ports);
  ports.forEach((port, i) => {
    const top = y;
    canvas.text(spine + 3, y, short(port.name).padEnd(names), port.tone);
    const states = [port.state, port.mark].filter(Boolean).join(", ");
    y = notes(canvas, [spine + names + 5, y], columns, [
      [states, port.tone],
      [port.note, "wait"],
    ]);
    canvas.stub(spine, top, "up", 1);
    canvas.line([spine, top], [spine + 1, top], 1, port.tone === "wait" ? undefined : port.tone);
    if (i < ports.length - 1) canvas.line([spine, top], [spine, y], 1);
  });
  return canvas;
}

function run(canvas: Canvas, [x, length]: readonly [number, number], y: number, tone: Tone): void {
  if (tone === "good") canvas.text(x, y, "═".repeat(length), tone);
  else canvas.text(x, y, gapOf(length, tone), tone);
}

/** A name on the upright line and what there is to say of it; returns the row after it. */
function named(canvas: Canvas, x: number, y: number, columns: number, spine: number, box: Box): number {
  canvas.text(x, y, short(box.name), box.tone);
  const at = Math.max(spine + 3, x + short(box.name).length + 2);
  return notes(canvas, [at, y], columns, [[`${box.note}, ${box.state}`, box.tone]]);
}

type Note = readonly [text: string | undefined, tone: Tone | undefined];

/** Texts below one another, broken where the terminal ends; returns the row after them. */
function notes(canvas: Canvas, [x, y]: readonly [number, number], columns: number, texts: readonly Note[]): number {
  let row = y;
  for (const [text, tone] of texts) {
    if (text === undefined || text === "") continue;
    for (const line of broken(text, Math.max(12, columns - x))) {
      canvas.text(x, row, line, tone);
      row += 1;
    }
  }
  return Math.max(row, y + 1);
}

/** Text in lines of at most so many characters, broken between words where there are any. */
export function broken(text: string, most: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    let rest = word;
    if (line !== "" && line.length + 1 + rest.length <= most) {
      line = `${line} ${rest}`;
      continue;
    }
    if (line !== "") lines.push(line);
    while (rest.length > most) {
      lines.push(rest.slice(0, most));
      rest = rest.slice(most);
    }
    line = rest;
  }
  return [...lines, line];
}

const LONGEST_NAME = 16;

function short(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 2)}..` : name;
}
