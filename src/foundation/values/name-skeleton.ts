/**
 * Names that look alike share one of their skeletons: the text as people see it, as it is written, in small letters and
 * in capitals. Left out is what they overlook or cannot see (spaces, punctuation, accents, characters without width),
 * and a letter or digit that looks like another is that other (Unicode UTS #39 §4, skeletons of confusables).
 * @returns none for a name that shows nothing
 */
export function nameSkeletons(name: string): string[] {
  const bare = withoutOrnament(name)
  const skeletons = [bare, bare.toLowerCase(), bare.toUpperCase()].map(withPrototypes)
  return [...new Set(skeletons)].filter((skeleton) => skeleton !== '')
}

/** Letters and digits in their plain forms; of a name that has neither, all that can be seen. */
function withoutOrnament(name: string): string {
  // Marks of voiced kana make other letters of them, unlike accents.
  const plain = name.normalize('NFKD').replace(/[\p{Script=Inherited}--[\u3099\u309a]]/gv, '')
  const visible = plain.replace(/[\p{Default_Ignorable_Code_Point}\p{Z}\p{C}\u2800]/gu, '')
  return visible.replace(/[^\p{L}\p{N}\p{M}]/gu, '') || visible
}

function withPrototypes(text: string): string {
  return Array.from(text, (character) => prototypes.get(character) ?? character).join('')
}

/**
 * Look-alikes in Latin, Greek, Cyrillic, Armenian, Coptic, Cherokee and Lisu, by the Latin letters or digit that they
 * look like: from https://www.unicode.org/Public/security/13.0.0/confusables.txt, those without accents. Case is kept,
 * because a capital I looks like a small l and a small i does not.
 */
const confusables = {
  '2': 'ƧƻϨꙄꝚ',
  '3': 'ƷȜЗҘӠⳌꝪꞫ',
  '4': 'Ꮞ',
  '5': 'Ƽ',
  '6': 'бᏮⳒ',
  '8': 'Ȣȣ',
  '9': 'ⳊꝮ',
  A: 'ΑАᎪꓮ',
  AA: 'Ꜳ',
  AE: 'ÆӔ',
  AO: 'Ꜵ',
  AU: 'Ꜷ',
  AV: 'ꜸꜺ',
  AY: 'Ꜽ',
  B: 'ƁΒВᏴꓐꞴ',
  C: 'ƇΣСҪᏟⲤꓚ',
  D: 'ÐĐƉƊᎠꓓ',
  E: 'ɆΕЕᎬꓰ',
  F: 'ƑϜꓝꞘ',
  G: 'ƓǤԌᏀᏳꓖ',
  H: 'ĦΗНнҢӇӉᎻⱧⲎꓧ',
  J: 'ɈͿЈᎫꓙꞲ',
  K: 'ƘΚКҚҞᏦⱩⲔꓗꝀ',
  L: 'ŁᏞⳐꓡ',
  M: 'ΜϺМӍᎷⲘꓟ',
  N: 'ƝΝⲚꓠ',
  O: '0ØƟΟОՕⲞꓳꝊ',
  OE: 'Œ',
  OO: 'ꚘꝎ',
  P: 'ƤΡРᏢⲢꓑ',
  R: 'ƦᎡᏒꓣ',
  S: 'ЅՏᏕᏚꓢ',
  T: 'ŦƬƮȾΤТҬᎢⲦꓔ',
  T3: 'Ꜩ',
  U: 'ɄՍᏌꓴ',
  V: 'ѴᏙꓦ',
  W: 'ԜᎳᏔꓪ',
  X: 'ΧХҲⲬꓫꞳ',
  Y: 'ƳɎΥУҮҰᎩᎽⲨꓬ',
  Z: 'ƵȤΖᏃꓜ',
  a: 'ɑαа',
  aa: 'ꜳ',
  ae: 'æӕ',
  ao: 'ꜵ',
  au: 'ꜷ',
  av: 'ꜹꜻ',
  ay: 'ꜽ',
  b: 'ƀƂƃƄɓБЬѢѣҌҍᏏ',
  bl: 'Ы',
  c: 'ȼςсҫᴄⲥꮯ',
  d: 'đƌɖɗԁᏧꓒ',
  dz: 'ʣ',
  e: 'ɇеҽҿꬲ',
  f: 'ƒքᵮẝꞙꬵ',
  g: 'ƍǥɠɡցᶃ',
  h: 'ħɦћһհᏂᏲꚕ',
  i: 'ıɨɩɪιіӏᎥᵻᵼꙇꭵ',
  j: 'ɉϳј',
  k: 'ƙ',
  l: '1IłƖƗƚǀɫɭΙІӀⲒꓲ',
  ll: 'ǁ',
  ls: 'ʪ',
  lz: 'ʫ',
  n: 'ƞɳηոռᵰ',
  o: 'øɵοσоօᴏᴑⲟꝋꬽꬾ',
  oe: 'œ',
  oo: 'ꚙꝏ',
  p: 'ƥρрᵽⲣ',
  q: 'ʠԛգզ',
  r: 'ɍɼɽгґғᴦᵲⲅꭇꭈꮁ',
  rn: 'mɱᵯ',
  s: 'ƽʂѕᵴꜱꮪ',
  t: 'ŧƭᵵ',
  tf: 'ꝷ',
  ts: 'ʦ',
  u: 'ʋυսᴜᵾꞟꭎꭒꮜ',
  ue: 'ᵫ',
  uo: 'ꭣ',
  v: 'νѵᴠꮩ',
  w: 'ɯѡԝաᴡꝡꮃ',
  x: 'х',
  y: 'ƴɏɣʏγуүұᶌỿꭚ',
  z: 'ƶȥʐᴢᵶꮓ',
}

const prototypes = new Map(
  Object.entries(confusables).flatMap(([prototype, all]) => Array.from(all, (one) => [one, prototype] as const)),
)
