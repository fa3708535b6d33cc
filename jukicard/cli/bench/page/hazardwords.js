// What each hazard does to a card, in both languages; a test sees to it that none is missing.

const WORDS = {
  Pulled: {
    en: "The card is pulled out in the middle, and stays out until Put back is pressed.",
    ja: "途中でカードが抜かれます。「挿し直す」を押すまで戻りません。",
  },
  Mute: {
    en: "The card gives no answer, to this command and all later ones, until it is reset or gets power anew.",
    ja: "このコマンドにも以後のコマンドにも応答しません。リセットするか電源を入れ直すと元に戻ります。",
  },
  Delayed: {
    en: "The answer comes late, by at most 60 seconds. A terminal that waits for less gives up.",
    ja: "応答が遅れます（最長 60 秒）。それより短い時間しか待たない端末は打ち切ります。",
  },
  MoreTime: {
    en: "The card asks the reader for more time, so many times, and takes so many seconds before it answers.",
    ja: "カードが指定の回数だけリーダーに時間の延長を求め、指定の秒数の後に応答します。",
  },
  StatusInstead: {
    en: "The card answers this status word, without data, in place of its own answer.",
    ja: "カード本来の応答の代わりに、このステータスワードだけが返ります。",
  },
  CorruptedMac: {
    en: "One bit of the MAC of a protected answer arrives wrong. Plain answers are left alone.",
    ja: "保護された応答の MAC の 1 ビットが誤って届きます。平文の応答には何も起きません。",
  },
  StrippedMac: {
    en: "The MAC is gone from a protected answer; all else is there. Plain answers are left alone.",
    ja: "保護された応答から MAC だけがなくなります。平文の応答には何も起きません。",
  },
  Truncated: {
    en: "Only the first bytes of the answer arrive; one byte is not even a status word.",
    ja: "応答の先頭だけが届きます。1 バイトではステータスワードにもなりません。",
  },
  ResetByOther: {
    en: "Another program resets the card before the command; nothing gets through until the terminal resets it itself.",
    ja: "コマンドの前に、ほかのプログラムがカードをリセットします。端末自身がリセットするまで何も届きません。",
  },
  SelectedByOther: {
    en: "Another program selects an application before the command, and nobody is told.",
    ja: "コマンドの前に、ほかのプログラムが知らないうちにアプリケーションを選択します。",
  },
  InUse: {
    en: "Another program holds the card for itself (a sharing violation); nothing reaches the card.",
    ja: "ほかのプログラムがカードを占有しており（共有違反）、何も届きません。",
  },
  PowerCut: {
    en: "The power goes at a write to the card's memory, counted from now on; what was being written has landed or not.",
    ja: "カードのメモリへの書き込みの途中で電源が切れます（今から数えます）。書き込み中の値が残るかどうかは選べます。",
  },
};

// Returns what a hazard does; nothing for one that has no words.
export function happening(name, language) {
  return Object.hasOwn(WORDS, name) ? WORDS[name][language] : "";
}
