// Why a card refuses, and what to do then: rules.json has a rule for each status word, in both
// languages, [title, what to do], and the page of the manual with the reasons. A test sees to it that
// every status word that the card's code names has one; the manual prints its table from there.

let statuses = {}; // rules.json, once it was read

// The rule whose reasons are made of the words below: in the list of all rules they stand with it.
export const CONDITIONS = "6982";

// The words that reasons and access rules are made of; the first match in the text shows it.
const READ_THE_CODE = [
  "jukihost keys new --test test.keys",
  "jukihost code read --tcp HOST:PORT --keys test.keys --purpose RESIDENT_IDENTIFICATION",
];

// Each is [name, meaning] in both languages, some with commands that may be typed in a shell.
const TERMS = [
  {
    pattern: /READ RECORD of 0002/,
    commands: READ_THE_CODE,
    en: ["0002", "In the Juki application: record 1 is the resident record code (住民票コード). It is read in three steps: the system proves itself (Authenticated, below), then the holder's PIN goes through the session (0C 20 00 80), then the same READ RECORD does (0C B2 01 04), encrypted. P2 80 and 04 mean the file that was selected just before; 9C and 14 name it themselves (001C, 0002), and are as right. By hand nobody makes these bytes: a program does. These two commands do all of it, and what they send is listed here under Exchanges; HOST:PORT is the address of the slot (without --tcp: the card in a PC/SC reader). The keys are the published ones of test cards. The first command asks for a passphrase of your own, twice; the second asks for the PIN, on cards made here 1234, and then for that passphrase."],
    ja: ["0002", "住基アプリケーションでは、レコード 1 が住民票コードです。読み出しは三段階です。まず端末のシステムを認証し（下の Authenticated）、次にセッションの中で本人の暗証番号を照合し（0C 20 00 80）、同じ READ RECORD を暗号化して送ります（0C B2 01 04）。P2 の 80 と 04 は直前に選択したファイルを指します。P2 自体でファイルを指定する 9C（001C）と 14（0002）でもかまいません。これらのバイト列は手では作れず、プログラムが作ります。次の二つのコマンドで全体を実行でき、送られた内容は「やりとり」に表示されます。HOST:PORT はスロットのアドレスです（--tcp を付けなければ PC/SC リーダーのカード）。鍵は公開されたテスト用です。一つ目では自分で決めたパスフレーズを 2 回入力します。二つ目では、まず暗証番号（ここで作ったカードでは 1234）、続いてそのパスフレーズを入力します。"],
  },
  {
    pattern: /Authenticated\(/,
    en: ["Authenticated(…)", "Any one of the rights in the brackets is enough. A terminal proves the one whose key its system has; with jukihost it is the word after --purpose. GET CHALLENGE (00 84 00 00 08), then, with nothing between, MUTUAL AUTHENTICATE (00 82 00, P2 = 80 + the number of the system's key: 81 RESIDENT_IDENTIFICATION, 82 WIDE_AREA_ISSUANCE, 83 MOVE_IN, 84 COUNTER, 85 SUSPEND) with 40 bytes that answer the challenge and that only who has that key can make: whole, 00 82 00 81 28, the 40 bytes, 28. Without the Le at the end it is another command, EXTERNAL AUTHENTICATE, and refused (6A86). It begins a session under secure messaging. In Python: JukiSession.authenticate(…)."],
    ja: ["Authenticated(…)", "括弧内の権限のうち、どれか一つを証明すれば足ります。端末が証明するのは、そのシステムが鍵を持つ権限です（jukihost では --purpose に続く語）。GET CHALLENGE（00 84 00 00 08）の後、間を置かずに MUTUAL AUTHENTICATE を行います（00 82 00、P2 は 80 + システムの鍵の番号：81 本人確認（RESIDENT_IDENTIFICATION）、82 広域交付（WIDE_AREA_ISSUANCE）、83 転入（MOVE_IN）、84 窓口（COUNTER）、85 一時停止（SUSPEND）。データは、その鍵を持つ者だけが作れる、乱数への応答 40 バイト。全体では 00 82 00 81 28、40 バイト、28。最後の Le がないと別の命令 EXTERNAL AUTHENTICATE となり、6A86 で拒否されます）。これでセキュアメッセージングのセッションが始まります。Python では JukiSession.authenticate(…)。"],
  },
  {
    pattern: /Verified\(/,
    en: ["Verified(nnnn)", "The holder's PIN in this file was verified on this channel. Where SecureMessaging(…) is needed as well, as for 0002, a plain VERIFY is useless even if it is answered 9000: the authentication forgets it, and in a session it ends the session. There it goes protected, as a program makes it (0C 20 00 …; in Python: verify_pin(…)). For a file that needs the PIN alone it is sent plain: VERIFY (00 20 00, P2 = 80 + the last five bits of the file's number: 9C for 001C; then Lc and the PIN in ASCII: whole, 00 20 00 9C 04 and a byte for each digit, 30 for 0 to 39 for 9; cards made here have 1234). P2 = 80 is the PIN of the file that is selected: Exchanges says reference 00 where the card's reason says 001C."],
    ja: ["Verified(nnnn)", "このファイルにある本人の暗証番号が、このチャネルで照合済みであること。0002 のように SecureMessaging(…) も必要な場合、平文の VERIFY は、9000 が返っても役に立ちません。その後の認証で照合は無効になり、セッション中に送ればセッションが終わるためです。この場合は、プログラムが保護して送ります（0C 20 00 …、Python では verify_pin(…)）。暗証番号だけが必要なファイルでは、平文で送ります：VERIFY（00 20 00、P2 は 80 + ファイル番号の下位 5 ビット：001C なら 9C、続けて Lc と ASCII の暗証番号。全体では 00 20 00 9C 04 の後に、0 なら 30、9 なら 39 のように数字ごとに 1 バイト。ここで作ったカードでは 1234）。P2 が 80 なら、選択中のファイルの暗証番号を指します。カードの理由に 001C とあっても、「やりとり」では reference 00 と表示されます。"],
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

// Reads the rules once, before the page begins.
export async function readRules() {
  statuses = await (await fetch("rules.json", { credentials: "omit" })).json();
}

export function ruleKey(status) {
  if (/^63C/.test(status)) return "63CX";
  if (/^61/.test(status)) return "61XX";
  if (/^6C/.test(status)) return "6CXX";
  return status;
}

// Returns {key, title, todo, manual} of a status word, or null where there is no rule.
export function rule(status, language) {
  const key = ruleKey(status);
  if (!Object.hasOwn(statuses, key)) return null;
  const found = statuses[key];
  const [title, todo] = found[language];
  return { key, title, todo, manual: found.manual };
}

// Returns every rule, in the order of the status words.
export function rules(language) {
  return Object.keys(statuses).sort().map((key) => rule(key, language));
}

// Returns [name, meaning, commands] of each word of the rules that is in a text; of all without one.
export function terms(text, language) {
  return TERMS.filter((term) => text === null || term.pattern.test(text))
    .map((term) => [...term[language], term.commands ?? []]);
}
