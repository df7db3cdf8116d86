import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { AgentProcess, LogLine } from "../../lab/agent.ts";
import type { Host } from "../../lab/host.ts";
import { type Manner, Meddler, type Meddling, type Operation } from "../../lab/meddler.ts";
import type { Ping } from "../../lab/ping.ts";
import { asDelivered, expectVerified, reconfigure, sharedLab, standing, stateOf, tells } from "../network-lab.ts";

/* A real ovsdb-server and a real switch, and between the agent and the server somebody who changes what they say. */

const lab = sharedLab();
const host = (): Host => lab().host;
let agent: AgentProcess;
let meddler: Meddler;
let ping: Ping;
/** Ports so far: each test asks for one of its own, since what was rolled back is not tried again. */
let asked = 0;

beforeAll(async () => {
  await asDelivered(lab(), host());
  meddler = await Meddler.on(host());
  agent = await standing(host());
  expect((await host().cli("network", "apply")).code).toBe(0);
});

afterAll(async () => meddler[Symbol.asyncDispose]());

beforeEach(async () => {
  await expectVerified(host());
  ping = lab().ping(host().address);
  onTestFinished(() => ping[Symbol.asyncDispose]());
  await ping.answered(20);
});

/** A port with an address on the storage VLAN, in place of the one before it. */
async function askForPort(): Promise<{ readonly port: string; readonly mark: number }> {
  asked += 1;
  const port = `stor${asked}`;
  const mark = await reconfigure(host(), { addresses: { [port]: { vlan: "storage", ipv4: [`10.1.5.${asked}1/24`] } } });
  return { port, mark };
}

const nothingWrong = ({ event, count }: LogLine): boolean => event === "problems" && count === 0;

async function nobodyNoticed(what: string): Promise<void> {
  await ping.answered(20);
  const { sent, lost } = await ping.stop();
  process.stdout.write(`${what}: ${lost} of ${sent} lost\n`);
  expect(lost).toBe(0);
}

const ports = (): Promise<string> => host().vsctl("list-ports", "br-uplink");

describe("a database server whose frames", () => {
  const odd: Readonly<Record<string, Manner>> = {
    "of one byte": { pieces: 1 },
    "in pieces of 4096 bytes": { pieces: 4096 },
    "behind one of 50 MB": { first: JSON.stringify({ id: null, method: "x", params: ["ä".repeat(25_000_000)] }) },
  };
  test.each(Object.entries(odd))("come %s is understood: a change is made over it", async (what, manner) => {
    meddler.speak(manner);
    const { port, mark } = await askForPort();
    await agent.event("change", "confirmed", { from: mark });
    expect(await ports()).toContain(port);
    await nobodyNoticed(`frames ${what}`);
  });

  const bad: Readonly<Record<string, string | Buffer>> = {
    "are no JSON": '{"id":1,,}',
    "are not UTF-8": Buffer.from('{"id":"\u00e4","result":[],"error":null}', "latin1"),
    "are nested without end": `{"id":${"[".repeat(1_000_000)}`,
    "answer what nobody asked": '{"id":4711,"result":[],"error":null}',
    "are no frames": "\u0000\u0001HTTP/1.1 400 Bad Request\r\n\r\n",
  };
  test.each(Object.entries(bad))("%s is told, and gone on with as soon as it is sane", async (what, first) => {
    const mark = agent.mark();
    meddler.speak({ first, silent: true });
    await agent.waitFor(tells("E_OVSDB_UNREACHABLE"), { from: mark });
    await ping.answered(20);
    const back = agent.mark();
    meddler.speak({});
    await agent.waitFor(nothingWrong, { from: back });
    await expectVerified(host());
    expect(agent.ended).toBeUndefined();
    await nobodyNoticed(`frames that ${what}`);
  });
});

describe("a transaction", () => {
  const inserts = (operations: readonly Operation[]): boolean =>
    operations.some(
      ({ op, table, row }) => op === "insert" && table === "Port" && JSON.stringify(row).includes(`"stor${asked}"`),
    );
  const nobody = ["uuid", "00000000-0000-4000-8000-000000000000"];
  const intoBridge = ({ op, table }: Operation): boolean => op === "mutate" && table === "Bridge";

  /** The bridge that the port is put into is one that is not there. */
  const nowhere = (operations: readonly Operation[]): readonly Operation[] =>
    operations.map((each) => (intoBridge(each) ? { ...each, where: [["_uuid", "==", nobody]] } : each));

  test("that fails at its commit is told with the server's words and leaves the network as it was; asked for again, it is made", async () => {
    const met = meddler.meddle({
      meets: inserts,
      // A reference to nothing: the server finds it when all operations are done, and says so behind their results.
      ask: (operations) => [
        ...operations,
        { op: "mutate", table: "Open_vSwitch", where: [], mutations: [["bridges", "insert", ["set", [nobody]]]] },
      ],
      answer: (results) => results.toSpliced(-2, 1),
    });
    const before = await ports();
    const { port, mark } = await askForPort();
    await met;
    const { reason } = await agent.event("change", "rolled-back", { from: mark });
    expect(reason).toContain("the commit failed: referential integrity violation");
    await agent.waitFor(tells("E_NETWORK_ROLLED_BACK"), { from: mark });
    expect(await ports()).toBe(before);
    expect(stateOf(host(), "pending")).toBeUndefined();
    const again = await host().cli("network", "apply", "--retry");
    expect(`${again.code} ${again.stdout}${again.stderr}`).toMatch(/^0 /);
    expect(await ports()).toContain(port);
    await nobodyNoticed("an error at the commit");
  });

  const counted: Readonly<Record<string, Meddling["answer"]>> = {
    "of which an operation matches nothing": (results) => results,
    "whose row vanishes behind an answer that all is well": (results) =>
      results.map((each) => (JSON.stringify(each) === '{"count":0}' ? { count: 1 } : each)),
  };
  test.each(Object.entries(counted))("%s is found out, and made again", async (what, answer) => {
    const met = meddler.meddle({ meets: inserts, ask: nowhere, answer });
    const { port, mark } = await askForPort();
    await met;
    await agent.event("change", "confirmed", { from: mark });
    const made = agent.lines.slice(mark).filter(({ event, step }) => event === "change" && step === "transaction");
    expect(made.length).toBeGreaterThan(1);
    expect(await ports()).toContain(port);
    await nobodyNoticed(`a transaction ${what}`);
  });
});
