import { createHash } from "node:crypto";
import { script } from "./script.ts";
import { style } from "./style.ts";
import type { PageView } from "./view.ts";

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** What the page may do: run and be styled by what stands in it, and speak with where it came from. Nothing else. */
const policy = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(style)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const pageHeaders = {
  "content-security-policy": policy,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
} as const;

/** The whole page. What it shows comes later, by /events; a browser without JavaScript gets a summary of this moment. */
export function pageDocument(view: PageView): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>devcloud-agent</title>
<style>${style}</style>
</head>
<body>
<header><p class="host" id="host"></p><p class="live" id="live" data-tone="wait" role="status"></p></header>
<noscript>${withoutScript(view)}</noscript>
<main id="main" hidden>
<p class="banner" id="banner" data-tone="warn" hidden></p>
<section class="verdict" id="verdict" aria-live="polite"><h1 id="headline"></h1><p id="detail"></p></section>
<dl class="facts" id="facts"></dl>
<section id="wrong"><h2>What is wrong</h2><ul class="problems" id="problems"></ul></section>
<section><h2>Wiring</h2><div class="card picture" id="wiring"></div></section>
<div class="pair">
<section><h2>Containers</h2><div class="card" id="containers"></div></section>
<section><h2>What changed last</h2><div class="card"><ol class="events" id="events"></ol></div></section>
</div>
</main>
<footer><p id="foot"></p></footer>
<script>${script}</script>
</body>
</html>
`;
}

function withoutScript({ banner, headline, detail, facts, problems, at }: PageView): string {
  const rows = facts.map(
    ({ name, value, note }) => `<div><dt>${escaped(name)}</dt><dd>${escaped(`${value} ${note}`)}</dd></div>`,
  );
  const wrong = problems.map(({ message }) => `<li>${escaped(message)}</li>`);
  const notice = banner === undefined ? "" : `<p class="banner" data-tone="warn">${escaped(banner)}</p>`;
  return `${notice}<section class="verdict"><h1>${escaped(headline)}</h1><p>${escaped(detail)}</p></section>
<dl class="facts">${rows.join("")}</dl>${wrong.length === 0 ? "" : `<ul>${wrong.join("")}</ul>`}
<p>As of ${escaped(new Date(at).toISOString())}. Without JavaScript this page is a summary that stands still: reload it for a newer
one. /api/v1/status has everything as JSON.</p>`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
