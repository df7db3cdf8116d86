/** Writes ovs/docs/api.md from the doc comments of what node-ovsdb exports: `node packaging/ovs-api.ts`. */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** The page that lists the library's exports. */
export const API_PAGE = new URL("../ovs/docs/api.md", import.meta.url);
const entry = fileURLToPath(new URL("../ovs/src/index.ts", import.meta.url));

const INTRODUCTION = `# API of node-ovsdb

Written by \`node packaging/ovs-api.ts\` from the sources' comments; a test holds the two together. How the parts play together is in
the [README](../README.md).
`;

const groups = [
  { title: "Functions", flag: ts.SymbolFlags.Function },
  { title: "Classes", flag: ts.SymbolFlags.Class },
  { title: "Values", flag: ts.SymbolFlags.Variable },
  { title: "Types", flag: ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias },
] as const;

const printer = ts.createPrinter({ removeComments: true });

/** The page, as text. Throws for an export that no group has. */
export function apiPage(): string {
  const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2024, allowImportingTsExtensions: true };
  const program = ts.createProgram([entry], { ...options, noEmit: true, types: ["node"] });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(entry) ?? failed("there is no index.ts"));
  const exported = checker
    .getExportsOfModule(module ?? failed("index.ts exports nothing"))
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
  const sections = groups.map(({ title, flag }) => {
    const entries = exported.filter(({ flags }) => flags & flag).map((symbol) => entryOf(symbol));
    return [`## ${title}`, ...entries].join("\n\n");
  });
  const missing = exported.find(({ flags }) => groups.every(({ flag }) => (flags & flag) === 0));
  if (missing !== undefined) failed(`${missing.name} is in no group`);
  return `${[INTRODUCTION.trimEnd(), ...sections].join("\n\n")}\n`;
}

function failed(why: string): never {
  throw new Error(why);
}

function entryOf(symbol: ts.Symbol): string {
  const declarations = symbol.declarations ?? [];
  const code = signaturesOf(declarations).map(declared).join("\n");
  const notes = declarations.map(commentOf).filter((note) => note !== "");
  return [
    `### ${symbol.name}`,
    ...new Set(notes),
    `\`\`\`ts\n${code}\n\`\`\``,
    ...declarations.flatMap(membersOf),
  ].join("\n\n");
}

/** The body of an overloaded function is not for the caller. */
function signaturesOf(declarations: readonly ts.Declaration[]): readonly ts.Declaration[] {
  const open = declarations.filter((one) => !(ts.isFunctionDeclaration(one) && one.body !== undefined));
  return open.length === 0 ? declarations : open;
}

/** The declaration's text without its body and comments. */
function declared(node: ts.Declaration): string {
  const text = node.getSourceFile();
  const print = (one: ts.Node): string => printer.printNode(ts.EmitHint.Unspecified, one, text);
  const f = ts.factory;
  if (ts.isFunctionDeclaration(node)) {
    return print(
      f.createFunctionDeclaration(
        undefined,
        undefined,
        node.name,
        node.typeParameters,
        node.parameters,
        node.type,
        undefined,
      ),
    );
  }
  if (ts.isMethodDeclaration(node)) {
    const { name, questionToken, typeParameters, parameters, type } = node;
    return print(f.createMethodSignature(undefined, name, questionToken, typeParameters, parameters, type));
  }
  if (ts.isGetAccessorDeclaration(node)) return `get ${node.name.getText()}(): ${node.type?.getText() ?? "unknown"};`;
  if (ts.isPropertyDeclaration(node)) return `readonly ${node.name.getText()}: ${node.type?.getText() ?? "unknown"};`;
  if (ts.isConstructorDeclaration(node)) {
    return `new (${node.parameters.map((parameter) => parameter.getText()).join(", ")});`;
  }
  if (ts.isVariableDeclaration(node)) return `const ${print(node)}`;
  if (ts.isClassDeclaration(node)) {
    const parameters = node.typeParameters?.map((one) => one.getText()).join(", ");
    const name = `${node.name?.text ?? ""}${parameters === undefined ? "" : `<${parameters}>`}`;
    return ["class", name, ...(node.heritageClauses ?? []).map((clause) => clause.getText())].join(" ");
  }
  return print(node).replace(/^export (declare )?/, "");
}

/** The public members of a class and the explained ones of an interface, each with its comment. */
function membersOf(node: ts.Declaration): readonly string[] {
  if (ts.isClassDeclaration(node)) {
    const open = node.members.filter((one) => !(one.name && ts.isPrivateIdentifier(one.name)) && !isInternal(one));
    return open.map((one) => [`\`\`\`ts\n${declared(one)}\n\`\`\``, commentOf(one)].filter(Boolean).join("\n\n"));
  }
  if (!ts.isInterfaceDeclaration(node)) return [];
  const said = node.members.flatMap((one) =>
    commentOf(one) === "" ? [] : [`- \`${one.name?.getText()}\`: ${commentOf(one)}`],
  );
  return said.length === 0 ? [] : [said.join("\n")];
}

/** What is public to the library's own files only. */
function isInternal(node: ts.Node): boolean {
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "internal");
}

/** The doc comment on one line, with its parameters and result. */
function commentOf(node: ts.Node): string {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).slice(-1);
  if (comment === undefined) return "";
  const text = (part: ts.JSDoc | ts.JSDocTag): string =>
    (ts.getTextOfJSDocComment(part.comment) ?? "").replace(/\s+/g, " ");
  const tags = (comment.tags ?? []).map((tag) => {
    if (ts.isJSDocParameterTag(tag)) return `\`${tag.name.getText().replace(/^_/, "")}\`: ${text(tag)}.`;
    return `Returns ${text(tag)}.`;
  });
  return [text(comment), ...tags].filter(Boolean).join(" ");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(API_PAGE, apiPage());
