// Why a card refuses, and what to do then: a rule for each status word, in both languages. A test
// sees to it that every status word that the card's code names has one, with a page of the manual.

// status: [title, what to do] in each language, and the page of the manual that has the rule.
const STATUSES = {
  "61XX": {
    en: ["more bytes wait", "Send GET RESPONSE (00 C0 00 00, Le = the second byte of the status)."],
    ja: ["続きのデータがあります", "GET RESPONSE（00 C0 00 00、Le はステータスの 2 バイト目）を送ります。"],
    manual: "card.md",
  },
  6200: {
    en: ["warning, nothing was changed", "Read the reason; the command was done as far as it says."],
    ja: ["警告、何も変更されていません", "理由を確認してください。コマンドは理由にある範囲で実行されました。"],
    manual: "card.md",
  },
  6281: {
    en: ["part of the data may be damaged", "Use another copy of the card, or issue it again."],
    ja: ["データの一部が壊れている可能性があります", "別の控えを使うか、カードを再発行してください。"],
    manual: "tearing.md",
  },
  6282: {
    en: ["the file ended before Le bytes", "What there is was answered. Ask for fewer bytes, or for none beyond the end."],
    ja: ["Le より前にファイルが終わりました", "ある分は応答されています。要求するバイト数を減らしてください。"],
    manual: "card.md",
  },
  6283: {
    en: ["selected, but suspended", "The card, the application or the file is out of use for the time being. A counter resumes it (ACTIVATE FILE with the right COUNTER)."],
    ja: ["選択できましたが、一時停止中です", "カード、アプリケーション、またはファイルが一時的に使えません。窓口が再開します（権限 COUNTER による ACTIVATE FILE）。"],
    manual: "lifecycle.md",
  },
  6284: {
    en: ["control information in another form", "Ask for FCP or FMD in P2 of SELECT."],
    ja: ["制御情報の形式が異なります", "SELECT の P2 で FCP または FMD を指定してください。"],
    manual: "card.md",
  },
  6285: {
    en: ["selected, but ended for good", "Nothing brings it back: a new card is issued."],
    ja: ["選択できましたが、廃止済みです", "元には戻りません。新しいカードを発行します。"],
    manual: "lifecycle.md",
  },
  6300: {
    en: ["the authentication failed", "The other side has not proven that it has the key or the number. Check which key is meant, then begin anew with GET CHALLENGE."],
    ja: ["認証に失敗しました", "相手が鍵または番号を持つことを証明できませんでした。どの鍵かを確かめ、GET CHALLENGE からやり直してください。"],
    manual: "card.md",
  },
  6381: {
    en: ["the file is full now", "The last write has filled it; the next one replaces or is refused."],
    ja: ["ファイルがいっぱいになりました", "直前の書き込みで満杯です。次の書き込みは上書きまたは拒否されます。"],
    manual: "card.md",
  },
  "63CX": {
    en: ["the value was wrong; the last digit says how many tries are left", "Ask the holder again. At 0 it is blocked, and only a counter (or the issuer) unblocks it. VERIFY without data asks for the tries and costs none."],
    ja: ["値が違います。最後の桁が残り回数です", "本人にもう一度入力してもらいます。0 になると閉塞し、窓口（または発行者）だけが解除できます。データなしの VERIFY は回数を減らさずに残り回数を答えます。"],
    manual: "card.md",
  },
  6400: {
    en: ["the command was not done, nothing was changed", "Send it again; if that fails too, look at what jukicard bench has logged."],
    ja: ["実行できず、何も変更されていません", "もう一度送ってください。続く場合は jukicard bench のログを確認してください。"],
    manual: "card.md",
  },
  6581: {
    en: ["the card's memory cannot be written", "Make room where the card's file lies, or give the right to write it. Nothing was changed."],
    ja: ["カードのメモリに書き込めません", "カードのファイルがある場所の空きや書き込み権限を確認してください。何も変更されていません。"],
    manual: "tearing.md",
  },
  6700: {
    en: ["the length is wrong", "Compare Lc with the number of data bytes, and Le with what is asked for; the reason says which of them."],
    ja: ["長さが正しくありません", "Lc とデータのバイト数、Le と要求する長さを見比べてください。どちらかは理由にあります。"],
    manual: "card.md",
  },
  6881: {
    en: ["this logical channel is not open", "Open one with MANAGE CHANNEL (00 70 00 00 01), or use channel 0: class byte 00."],
    ja: ["この論理チャネルは開いていません", "MANAGE CHANNEL（00 70 00 00 01）で開くか、チャネル 0（クラスバイト 00）を使ってください。"],
    manual: "card.md",
  },
  6882: {
    en: ["no secure messaging here", "Send the command plain (class byte 00): there is no session on this channel, or the command is none that goes into one."],
    ja: ["ここではセキュアメッセージングを使えません", "平文（クラスバイト 00）で送ってください。このチャネルにセッションがないか、対象外のコマンドです。"],
    manual: "card.md",
  },
  6883: {
    en: ["the last link of the chain was expected", "Finish the chain that was begun: same command, class byte without bit 5."],
    ja: ["チェーンの最後のコマンドが必要です", "始めたチェーンを終えてください。同じコマンドで、クラスバイトのビット 5 を 0 にします。"],
    manual: "card.md",
  },
  6884: {
    en: ["this command takes no chain", "Send it in one piece; with extended length where it is long."],
    ja: ["このコマンドはチェーンできません", "一つのコマンドで送ってください。長い場合は拡張長を使います。"],
    manual: "card.md",
  },
  6900: {
    en: ["the command is not allowed", "Read the reason: it says what stands in the way."],
    ja: ["コマンドは許可されていません", "何が妨げになっているかは理由にあります。"],
    manual: "card.md",
  },
  6981: {
    en: ["the command does not fit this kind of file", "READ BINARY is for transparent files, READ RECORD for files of records, VERIFY for PINs. The card beside shows the kind of each file."],
    ja: ["ファイルの種類に合わないコマンドです", "READ BINARY は透過ファイル用、READ RECORD はレコードファイル用、VERIFY は暗証番号用です。各ファイルの種類はカードの表示にあります。"],
    manual: "card.md",
  },
  6982: {
    en: ["something must be proven first", "The reason says what is needed and what has been proven so far. Prove it in this order, on the same channel: the terminal's system first (that forgets all else), then the PIN, then send the command again in the session that the authentication began."],
    ja: ["先に証明すべきことがあります", "理由に、必要なことと、これまでに証明されたことが書かれています。同じチャネルで次の順に行ってください。まず端末のシステムの認証（それまでの証明は失われます）、次に暗証番号の照合、そして認証で始まったセッションの中でコマンドを送り直します。"],
    manual: "card.md",
  },
  6983: {
    en: ["blocked", "Too many wrong values: a PIN is unblocked at a counter (RESET RETRY COUNTER with the right COUNTER), a key by the issuer."],
    ja: ["閉塞しています", "誤りが上限に達しました。暗証番号は窓口（権限 COUNTER による RESET RETRY COUNTER）、鍵は発行者が解除します。"],
    manual: "card.md",
  },
  6984: {
    en: ["the PIN or key cannot be used", "It is blocked, was never set, or is out of use: see its tries and its state at the card. A blocked PIN is unblocked at a counter."],
    ja: ["暗証番号または鍵を使えません", "閉塞、未設定、または使用停止です。カードの表示で残り回数と状態を確認してください。閉塞した暗証番号は窓口が解除します。"],
    manual: "card.md",
  },
  6985: {
    en: ["not now", "The card or the application is in a state in which this is not done, or a step before it is missing: GET CHALLENGE before an authentication, a chain to its end, a suspended card resumed at a counter."],
    ja: ["今の状態では実行できません", "カードやアプリケーションの状態が合わないか、前の手順が足りません。認証の前の GET CHALLENGE、チェーンの完了、一時停止中のカードの再開などを確認してください。"],
    manual: "lifecycle.md",
  },
  6986: {
    en: ["no file is selected", "Select the file first (00 A4 02 0C 02 and its identifier), or name it by its short identifier in P1 or P2."],
    ja: ["ファイルが選択されていません", "先にファイルを選択する（00 A4 02 0C 02 と識別子）か、P1 または P2 の短縮識別子で指定してください。"],
    manual: "card.md",
  },
  6987: {
    en: ["protected data objects are missing", "In a session every command has its MAC (object 8E); a plain command ends the session. Authenticate again."],
    ja: ["保護用データオブジェクトが足りません", "セッション中のコマンドには MAC（オブジェクト 8E）が必要です。平文のコマンドはセッションを終わらせます。認証からやり直してください。"],
    manual: "card.md",
  },
  6988: {
    en: ["protected data objects are wrong", "The MAC does not fit: another key, a counter that is not in step, or data changed on the way. The session is over; authenticate again."],
    ja: ["保護用データオブジェクトが正しくありません", "MAC が一致しません。鍵が違う、カウンターがずれている、または途中で変わっています。セッションは終了しました。認証からやり直してください。"],
    manual: "card.md",
  },
  "6A80": {
    en: ["the data field is wrong", "Its contents are none that this command takes; the reason says which part."],
    ja: ["データ部が正しくありません", "このコマンドでは受け付けない内容です。どの部分かは理由にあります。"],
    manual: "card.md",
  },
  "6A81": {
    en: ["the card does not do this", "This function is not there; look at what P1 and P2 ask for."],
    ja: ["この機能はありません", "P1 と P2 が何を求めているか確認してください。"],
    manual: "card.md",
  },
  "6A82": {
    en: ["no such file or application", "Compare identifier or AID with those that the card shows; select the application first, then the file."],
    ja: ["ファイルまたはアプリケーションがありません", "カードの表示にある識別子や AID と比べてください。先にアプリケーション、次にファイルを選択します。"],
    manual: "card.md",
  },
  "6A83": {
    en: ["no such record", "Records count from 1; the card shows how many the file has."],
    ja: ["レコードがありません", "レコードは 1 から数えます。数はカードの表示にあります。"],
    manual: "card.md",
  },
  "6A84": {
    en: ["no room", "The file or the application's share of memory is full."],
    ja: ["空きがありません", "ファイル、またはアプリケーションに割り当てられたメモリがいっぱいです。"],
    manual: "kit.md",
  },
  "6A85": {
    en: ["the length does not fit the data objects", "Lengths inside the data and Lc say different things."],
    ja: ["長さがデータオブジェクトと合いません", "データ内の長さと Lc が食い違っています。"],
    manual: "card.md",
  },
  "6A86": {
    en: ["P1 or P2 is wrong", "This command does not know these values; the reason says which."],
    ja: ["P1 または P2 が正しくありません", "このコマンドにない値です。どの値かは理由にあります。"],
    manual: "card.md",
  },
  "6A87": {
    en: ["the length does not fit P1 and P2", "The data is too short or too long for what P1 and P2 ask for."],
    ja: ["長さが P1・P2 と合いません", "P1 と P2 が求める長さではありません。"],
    manual: "card.md",
  },
  "6A88": {
    en: ["no such key, PIN or data object", "Compare the reference in P2, or the tag, with what the card shows. The key of purpose n has the reference 80 + n."],
    ja: ["鍵、暗証番号、またはデータオブジェクトがありません", "P2 の参照番号またはタグを、カードの表示と比べてください。目的 n の鍵の参照番号は 80 + n です。"],
    manual: "card.md",
  },
  "6A89": {
    en: ["the file is there already", "Choose another identifier."],
    ja: ["ファイルはすでにあります", "別の識別子を使ってください。"],
    manual: "issuer.md",
  },
  "6A8A": {
    en: ["the application is there already", "Choose another AID, or delete the old one first."],
    ja: ["アプリケーションはすでにあります", "別の AID を使うか、先に古いものを削除してください。"],
    manual: "issuer.md",
  },
  "6B00": {
    en: ["the offset is outside the file", "The card shows how long the file is."],
    ja: ["オフセットがファイルの外です", "ファイルの長さはカードの表示にあります。"],
    manual: "card.md",
  },
  "6CXX": {
    en: ["Le is wrong; the second byte of the status is the right one", "Send the same command again with that Le."],
    ja: ["Le が違います。ステータスの 2 バイト目が正しい値です", "その Le で同じコマンドを送り直してください。"],
    manual: "card.md",
  },
  "6D00": {
    en: ["the application does not know this instruction", "Look at which application is selected on the channel: another one may be meant."],
    ja: ["アプリケーションにない命令です", "チャネルで選択されているアプリケーションを確認してください。"],
    manual: "card.md",
  },
  "6E00": {
    en: ["no such class", "Class bytes are 00 (plain), 0C (secure messaging), 10 (chain), and 01 to 03, 40 to 4F for other channels; 80 for commands of the card family."],
    ja: ["クラスバイトが正しくありません", "00（平文）、0C（セキュアメッセージング）、10（チェーン）、ほかのチャネルは 01～03 と 40～4F、カードファミリーのコマンドは 80 です。"],
    manual: "card.md",
  },
  "6F00": {
    en: ["something went wrong that no rule explains", "A bug of the card or of an application on it, or a hazard that was set here. jukicard bench has logged where it happened."],
    ja: ["規則で説明できないことが起きました", "カードまたはアプリケーションの不具合、あるいはここで起こした異常です。場所は jukicard bench のログにあります。"],
    manual: "testing.md",
  },
};

// The words that reasons and access rules are made of; the first match in the text shows it.
const TERMS = [
  {
    pattern: /Authenticated\(/,
    en: ["Authenticated(…)", "The terminal's system has proven one of these rights: GET CHALLENGE (00 84 00 00 08), then MUTUAL AUTHENTICATE with the system's key (00 82 00, P2 = 80 + the number of the key: 81 RESIDENT_IDENTIFICATION, 82 WIDE_AREA_ISSUANCE, 83 MOVE_IN, 84 COUNTER, 85 SUSPEND). That begins a session under secure messaging. In Python: JukiSession.authenticate(…)."],
    ja: ["Authenticated(…)", "端末のシステムが、いずれかの権限を証明していること。GET CHALLENGE（00 84 00 00 08）の後、システムの鍵で MUTUAL AUTHENTICATE を行います（00 82 00、P2 は 80 + 鍵の番号：81 本人確認、82 広域交付、83 転入、84 窓口、85 一時停止）。これでセキュアメッセージングのセッションが始まります。Python では JukiSession.authenticate(…)。"],
  },
  {
    pattern: /Verified\(/,
    en: ["Verified(nnnn)", "The holder's PIN in this file was verified on this channel: VERIFY (00 20 00, P2 = 80 + the last five bits of the file's number: 9C for 001C; data: the PIN in ASCII). In a session it is sent protected. In Python: verify_pin(…)."],
    ja: ["Verified(nnnn)", "このファイルにある本人の暗証番号が、このチャネルで照合済みであること。VERIFY（00 20 00、P2 は 80 + ファイル番号の下位 5 ビット：001C なら 9C、データは ASCII の暗証番号）を送ります。セッション中は保護して送ります。Python では verify_pin(…)。"],
  },
  {
    pattern: /SecureMessaging\(/,
    en: ["SecureMessaging(MAC or ENCRYPTED)", "The command itself must come in the session that an authentication began (class byte 0C): with a MAC, or encrypted as well. The library does it by itself once authenticate(…) was called."],
    ja: ["SecureMessaging(MAC または ENCRYPTED)", "コマンド自体が、認証で始まったセッションの中で送られること（クラスバイト 0C）。MAC 付き、または暗号化も必要です。ライブラリでは authenticate(…) の後、自動で行われます。"],
  },
  {
    pattern: /\bNever\b/,
    en: ["Never", "Nobody may, whatever is proven."],
    ja: ["Never", "何を証明しても、だれにも許可されません。"],
  },
];

export function ruleKey(status) {
  if (/^63C/.test(status)) return "63CX";
  if (/^61/.test(status)) return "61XX";
  if (/^6C/.test(status)) return "6CXX";
  return status;
}

// Returns {title, todo, manual} of a status word, or null where there is no rule.
export function rule(status, language) {
  const key = ruleKey(status);
  if (!Object.hasOwn(STATUSES, key)) return null;
  const found = STATUSES[key];
  const [title, todo] = found[language];
  return { title, todo, manual: found.manual };
}

// Returns [name, meaning] of each word of the rules that is in a text.
export function terms(text, language) {
  return TERMS.filter((term) => term.pattern.test(text)).map((term) => term[language]);
}
