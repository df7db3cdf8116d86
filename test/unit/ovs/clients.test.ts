import fc from "fast-check";
import { it } from "vitest";
import { clientProperty } from "../../fuzz/clients/property.ts";

it("clients share locks and follow a server that is cut off, stalls, refuses and loses its database at any moment", async () => {
  await fc.assert(clientProperty, { numRuns: 100 });
});
