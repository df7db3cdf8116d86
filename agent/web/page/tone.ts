/** How something is to be taken. The page gives each a colour, and never the colour alone. */
export type Tone = "good" | "warn" | "bad" | "wait";
