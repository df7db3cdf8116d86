// A name server that knows one answer, over UDP, and accepts over TCP: node name-server.mjs ADDRESS
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const [address] = process.argv.slice(2);
const server = createSocket("udp4", (query, { address: from, port }) => {
  // RFC 1035, section 4.1: the question again, and an A record that points back to its name.
  const answer = Buffer.from("c00c000100010000003c0004c0000201", "hex");
  const reply = Buffer.concat([query.subarray(0, 12), query.subarray(12, query.indexOf(0, 12) + 5), answer]);
  reply.writeUInt16BE(0x8180, 2);
  for (const [at, count] of [1, 1, 0, 0].entries()) reply.writeUInt16BE(count, 4 + 2 * at);
  server.send(reply, port, from);
});
server.bind(53, address);
createServer((socket) => socket.end()).listen(53, address);
