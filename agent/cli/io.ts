/** Where a command's words go. The composition root fills it from the process; tests collect the text. */
export interface Io {
  /** Writes the text as it is; the caller ends its lines. */
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Colour and progress only when a person looks at a terminal. */
  readonly isTty: boolean;
  /** A terminal that can show box-drawing characters; absent in a pipe. */
  readonly canvas?: { readonly columns: number };
}
