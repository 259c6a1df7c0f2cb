/** What a cell's first line defines. Pure; called by the strips above cells and by "go to cell". */
export interface Definition {
  kind: 'asset' | 'op';
  key: string;
}

const FIRST_LINE = /^(?:%%|#[ \t]*jk:[ \t]*)(asset|op)[ \t]+(?!-)("[^"]+"|'[^']+'|[^\s"'-][^\s]*)/;
const SPEAKS =
  /^\s*(?:%load_ext +jobkernel|%%(?:asset|op|job|check|resource|schedule|sensor)\b|#[ \t]*jk:|%jk\b)|\bimport +jobkernel\b|\bfrom +jobkernel\b/m;

export function definitionOf(source: string): Definition | null {
  const found = FIRST_LINE.exec(source.trimStart());
  return found && { kind: found[1] as Definition['kind'], key: found[2].replace(/^["']|["']$/g, '') };
}

/** Whether code looks as if jobkernel were used, so that it is worth asking the kernel. */
export const speaksOfJobkernel = (source: string): boolean => SPEAKS.test(source);
