// The short words of the field that rules, reasons and exchanges are written in, each in a sentence.

// Each is [name, meaning] in both languages; the pattern finds it in a text of either.
const GLOSSARY = [
  {
    pattern: /\bAID\b/,
    en: ["AID", "The name of an application, 5 to 16 bytes; SELECT takes it."],
    ja: ["AID", "アプリケーションの名前（5～16 バイト）。SELECT で指定します。"],
  },
  {
    pattern: /\bATR\b/,
    en: ["ATR", "The first bytes of a card after power on or a reset: what it is and how it is spoken to."],
    ja: ["ATR", "電源投入やリセットの後にカードが最初に返すバイト列。カードの種類と通信方法を示します。"],
  },
  {
    pattern: /\b[Cc]hains?\b|チェーン/,
    en: ["chain", "One long command, sent in several pieces: all but the last have bit 5 of the class byte."],
    ja: ["チェーン", "長いコマンドを分けて送る方法。最後以外は、クラスバイトのビット 5 が 1 です。"],
  },
  {
    pattern: /\b[Cc]hannels?\b|チャネル/,
    en: ["channel", "One of several conversations with the same card. What is selected and proven on one counts there only; a terminal that opens none is on channel 0."],
    ja: ["チャネル", "一枚のカードに同時に開ける通信路の一つ。選択や照合・認証の結果は、そのチャネルだけで有効です。開かなければチャネル 0 を使います。"],
  },
  {
    pattern: /\b[Cc]lass bytes?\b|クラスバイト/,
    en: ["class byte", "The first byte of a command: on which channel it is, and whether plain (00) or protected in a session (0C)."],
    ja: ["クラスバイト", "コマンドの最初のバイト。チャネルと、平文（00）かセッション中の保護（0C）かを示します。"],
  },
  {
    pattern: /\b[DE]F\b/,
    en: ["DF, EF", "A DF is a directory of the card, such as an application; an EF is a file in it, with a number of two bytes such as 0002."],
    ja: ["DF、EF", "DF はカードのディレクトリー（アプリケーションなど）、EF はその中のファイルで、0002 のような 2 バイトの番号があります。"],
  },
  {
    pattern: /\bFCP\b|\bFMD\b/,
    en: ["FCP, FMD", "What SELECT answers about a file if asked: its kind, size and state (FCP), or what an application says of itself (FMD)."],
    ja: ["FCP、FMD", "SELECT で求めると返るファイルの情報。種類、大きさ、状態が FCP、アプリケーションの説明が FMD です。"],
  },
  {
    pattern: /\bL[ce]\b/,
    en: ["Lc, Le", "Lc says how many bytes of data follow it in a command; Le, at the end, how many are asked for in the answer (00: as many as there are, up to 256)."],
    ja: ["Lc、Le", "Lc は後に続くデータのバイト数。末尾の Le は、応答として求めるバイト数です（00 は、あるだけ、256 バイトまで）。"],
  },
  {
    pattern: /\bMAC\b/,
    en: ["MAC", "Bytes at the end of a protected command or answer that only who has the session's keys can make: they show that nothing was changed."],
    ja: ["MAC", "保護されたコマンドや応答の末尾に付くバイト列。セッションの鍵を持つ者だけが作れ、改変がないことを示します。"],
  },
  {
    pattern: /\bP[12]\b/,
    en: ["P1, P2", "The third and fourth byte of a command: which file, record, key or PIN is meant."],
    ja: ["P1、P2", "コマンドの 3・4 バイト目。対象のファイル、レコード、鍵、暗証番号を示します。"],
  },
  {
    pattern: /\b[Rr]eferences?\b|参照番号/,
    en: ["reference", "The number of a key or PIN in P2: 80 + n of the application, n of the card. 80 alone, under Exchanges reference 00, is the PIN of the file that is selected."],
    ja: ["参照番号（reference）", "P2 で指定する鍵や暗証番号の番号。アプリケーションのものは 80 + n、カードのものは n です。80 だけなら選択中のファイルの暗証番号で、「やりとり」では reference 00 と表示されます。"],
  },
  {
    pattern: /\b[Ss]ecure messaging\b|SecureMessaging|\b[Ss]ession\b|セキュアメッセージング|セッション/,
    en: ["session, secure messaging", "After an authentication, commands and answers with a MAC, and encrypted where that is asked for, under keys that both sides have just made. It ends with the power, a plain command, or another authentication."],
    ja: ["セッション、セキュアメッセージング", "認証の際に双方が作った鍵で、コマンドと応答に MAC を付け、必要に応じて暗号化すること。電源が切れるか、平文のコマンドを送るか、認証をやり直すと終わります。"],
  },
  {
    pattern: /\bSFI\b|short identifier|短縮識別子/,
    en: ["SFI, short identifier", "A number of a file from 1 to 30 that stands in P1 or P2 of a command, in place of a SELECT before it."],
    ja: ["SFI、短縮識別子", "1～30 のファイル番号。事前の SELECT の代わりに、P1 または P2 で指定します。"],
  },
  {
    pattern: /\b[Tt]ag\b|data objects?\b|データオブジェクト|タグ/,
    en: ["data object, tag", "A value with its name, the tag, and its length before it."],
    ja: ["データオブジェクト、タグ", "名前（タグ）と長さが前に付いた値。"],
  },
];

// Returns [name, meaning] of each short word that is in a text; of all without one.
export function glossary(text, language) {
  return GLOSSARY.filter((one) => text === null || one.pattern.test(text))
    .map((one) => one[language]);
}
