// What the server says in English sentences of its own (what was done, and why something cannot be
// done), in Japanese. A test holds them against the server's code: each of its sentences is here.

import { spoken, word } from "./words.js";

// A pattern for the whole sentence, and the same in Japanese; {0} is what the first (…) has matched.
const SENTENCES = [
  // what was done
  [/^put into slot (\d+)$/, "スロット {0} に挿入しました"],
  [/^pulled out of slot (\d+)$/, "スロット {0} から抜きました"],
  [/^reset by another program$/, "ほかのプログラムがリセットしました"],
  [/^suspended at another desk$/, "別の窓口で一時停止にしました"],
  [/^resumed at another desk$/, "別の窓口で一時停止を解除しました"],
  [/^will happen: (.+)$/, "これから起こること：{0}"],
  [/^nothing more will happen$/, "異常をすべて取り消しました"],
  [/^snapshot (.+)$/, "スナップショット {0}"],
  [/^forked from (.+)$/, "{0} から複製しました"],
  [/^restored to snapshot (.+)$/, "スナップショット {0} の状態に戻しました"],
  [/^(\d+) exchanges while nobody looked$/, "だれも見ていない間のやりとり：{0} 件"],
  [/^no answer: (\w+)$/, "応答なし：{0}"],
  // why something cannot be done
  [/^there is a card in the slot: pull it first$/, "スロットにカードがあります。先に抜いてください。"],
  [/^the card is in another slot: pull it first$/, "カードは別のスロットにあります。先に抜いてください。"],
  [/^the card is in a slot: pull it first$/, "カードはスロットにあります。先に抜いてください。"],
  [/^there is no card in the slot$/, "スロットにカードがありません。"],
  [/^the card has no power, there is nothing to reset$/, "カードに電源が入っていないため、リセットできません。"],
  [/^there are (\d+) snapshots: drop one first$/, "スナップショットは {0} 個までです。先に一つ破棄してください。"],
  [/^a name has at most (\d+) characters$/, "名前は {0} 文字までです。"],
  [/^there are (\d+) cards on the bench: take one away first$/, "カードは {0} 枚までです。先に一枚取り除いてください。"],
  [/^this card was brought by the command line: it stays$/, "コマンドラインで指定されたカードは取り除けません。"],
  [/^the card does not do that: (.+)$/s, "カードが応じませんでした：{0}"],
  [/^the card cannot be written: (.+)$/s, "カードに書き込めません：{0}"],
  [/^the power went in the middle of it, as was to happen$/, "指定どおり、途中で電源が切れました。"],
  [/^there is no such card on the bench$/, "そのカードはありません。"],
  [/^there is no such snapshot$/, "そのスナップショットはありません。"],
  [/^there is no such slot; slots are 0 to (\d+)$/, "そのスロットはありません（0～{0}）。"],
  [/^name either a card or a snapshot$/, "カードかスナップショットの一方を指定してください。"],
  [/^the card has been at work for ([\d.]+) s: wait until it is done$/, "カードは {0} 秒以上処理中です。終わるまでお待ちください。"],
  [/^jukicard bench ends now$/, "jukicard bench は終了します。"],
  [/^there is no such hazard; there is (.+)$/, "その異常はありません。あるもの：{0}"],
  [/^(\w+) has no such field; it has (.+)$/, "{0} にその項目はありません。あるもの：{1}"],
  [/^(\w+) of (\w+): a number from 0 to (\d+)$/, "{1} の {0}：0～{2} の整数を入力してください。"],
  [/^(\w+) of (\w+): a number of seconds$/, "{1} の {0}：秒数を入力してください。"],
  [/^(\w+) of (\w+): true or false$/, "{1} の {0}：true か false です。"],
  [/^(\w+) of (\w+): hexadecimal digits$/, "{1} の {0}：16 進数字を入力してください。"],
  [/^the first exchange is number 1, there is none with number (-?\d+)$/, "やりとりは 1 回目から数えます。{0} 回目はありません。"],
  [/^times is 1 or more, or None for: until the card is reset$/, "続けて何回かは 1 以上です（空欄：リセットまで）。"],
  [/^a card is late by 0 to (\d+) seconds$/, "遅れは 0～{0} 秒です。"],
  [/^a card asks for more time once or more often$/, "時間延長の要求は 1 回以上です。"],
  [/^a card takes 0 to (\d+) seconds longer$/, "延長は 0～{0} 秒です。"],
  [/^a MAC has the bits 0 to 63$/, "MAC のビットは 0～63 です。"],
  [/^keep is a number of bytes, 0 or more$/, "届くバイト数は 0 以上です。"],
  [/^a power cut counts writes, not commands: leave ins and mid_chain out$/, "PowerCut は書き込みを数えます。INS とチェーンは指定できません。"],
  [/^a power cut is still to come on this card: one at a time$/, "このカードにはまだ起きていない電源断があります。一度に一つだけです。"],
  [/^a power cut needs the card itself, not something else in front of it$/, "電源断はカードそのものにだけ起こせます。"],
  [/^this card is kept in a file: (.+)$/, "このカードはファイルに保存されているため、電源断を起こせません。"],
  // what differs
  [/^nothing$/, "なし"],
  [/^(\d+) left$/, "残り {0} 回"],
  [/^(\d+) bytes?$/, "{0} バイト"],
  [/^(\d+) bytes?, other ones$/, "{0} バイト（値が異なります）"],
  [/^application (\w+)$/, "アプリケーション {0}"],
  [/^no state$/, "不明な状態"],
];

// Returns a sentence of the server in the page's language; one that is not known stays as it is.
export function said(text) {
  if (spoken() === "en") return text;
  for (const [pattern, japanese] of SENTENCES) {
    const found = pattern.exec(text);
    if (found !== null) return japanese.replace(/\{(\d)\}/g, (_, at) => found[Number(at) + 1]);
  }
  return word("state", text);
}
