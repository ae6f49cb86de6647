//! Every bound of the system in one place, each with its reason. What is over a bound is refused.

/// Lines of goods in one import inventory (CEB621: InventoryList 1..99).
pub const LINES_MAX_IMPORT: usize = 99;
/// Lines of goods in one export inventory (CEB603: InventoryList 1..100).
pub const LINES_MAX_EXPORT: usize = 100;
/// Documents in one national message (specification 202205: 1..100).
pub const CEB_DOCUMENTS_MAX: usize = 100;
/// Size of a transport envelope in bytes: its content is base64.
pub const CEB_ENVELOPE_BYTES_MAX: usize = 7 * 1024 * 1024;
/// Size of one national message in bytes. 100 documents of 100 lines need about 7 MB of indented
/// XML; real systems stay far below.
pub const CEB_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Depth of elements in one national message. The deepest legal one, inside a signature, has eight.
pub const CEB_DEPTH_MAX: usize = 32;
/// Attributes of one element.
pub const CEB_ATTRIBUTES_MAX: usize = 32;
/// Attachments named by one declaration.
pub const ATTACHMENTS_MAX: usize = 50;
/// Bytes of an attachment: a scan of some hundred pages.
pub const ATTACHMENT_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// Bytes of an attachment in one row, and at most in one message to a caller.
pub const ATTACHMENT_PART_BYTES: usize = 256 * 1024;
/// Bytes of attachments that are kept for a declarant in a day, when nothing else is set: 100 of the largest.
pub const ATTACHMENT_BYTES_PER_DAY: u64 = 100 * ATTACHMENT_BYTES_MAX;
/// Scans for viruses at once: each takes a process.
pub const VIRUS_SCANS_MAX: usize = 4;
/// Seconds that a scan may take; below [`UNARY_SECONDS_MAX`], in which the upload has to come too.
pub const VIRUS_SCAN_SECONDS_MAX: u64 = 20;
/// Items of one batch over HTTP, a line each.
pub const BATCH_LINES_MAX: u64 = 10_000;
/// Seconds that a long poll over HTTP waits at most; the server gives up a call soon after.
pub const POLL_SECONDS_MAX: u64 = 25;
/// What a part of a message in JSON (an object, an item, a field) takes in memory while it is read and
/// written: bytes, measured on messages of the smallest parts.
pub const JSON_PART_BYTES: usize = 256;
/// Size of a form of the console in bytes: a declaration of 100 lines, as a form or as JSON, is some 200 KB.
pub const CONSOLE_FORM_BYTES_MAX: usize = 1024 * 1024;
/// Size of what somebody may send to the console who is not logged in: a key and a path.
pub const CONSOLE_LOGIN_BYTES_MAX: usize = 4 * 1024;
/// Rows of one page of the console.
pub const CONSOLE_ROWS_MAX: i32 = 10_000;
/// Hours that a session of the console lasts at most: a working day.
pub const CONSOLE_SESSION_HOURS: i64 = 12;
/// Size of one gRPC message in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Violations that are looked for in one message. A status carries as many of them as fit into
/// [`REFUSAL_BYTES_MAX`] and says how many it leaves out.
pub const VIOLATIONS_MAX: usize = 100;
/// Requests that wait for the group commit, over all callers. Beyond: RESOURCE_EXHAUSTED.
pub const COMMIT_QUEUE_MAX: usize = 8_192;
/// Requests of one firm that get in although as many as may wait are there: a flood of others does not
/// shut out who has next to nothing waiting.
pub const COMMIT_QUEUE_RESERVED: usize = 16;
/// Seconds that what waits in a lane may take, by how fast the lane was last. More of firms is refused: it
/// may come again sooner than it would have been answered.
pub const COMMIT_WAIT_SECONDS: usize = 1;
/// Requests that may wait in a lane however slow it was: a batch that is worth its transaction.
pub const COMMIT_WAITING_MIN: usize = 512;
/// Open declarations that the declaration service remembers, twice as many at most: some 600 bytes each. The
/// others are loaded when something happens to them.
pub const OPEN_REMEMBERED_MAX: usize = 16_384;
/// Requests in one transaction, and of one caller waiting in a lane. Larger batches gain nothing and make everybody wait longer.
pub const COMMIT_BATCH_MAX: usize = 1_500;
/// Checks without effect (`validate_only`) at once: each takes a connection and a slot's lock.
pub const REHEARSALS_MAX: usize = 2;
/// Items of one submit stream that are not yet answered. The stream stops reading beyond.
pub const STREAM_IN_FLIGHT_MAX: usize = 1_024;
/// Bytes of the tasks of these items, besides what the items themselves have: a call that waits is small.
pub const STREAM_WAITING_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Unacknowledged events of one agency consumer.
pub const EXCHANGE_IN_FLIGHT_MAX: u32 = 8_192;
/// Events in one frame to an agency.
pub const EXCHANGE_BATCH_MAX: usize = 256;
/// Bytes of events in one frame to an agency: stock gRPC clients take 4 MiB. One event may be larger
/// than this, but never than [`MESSAGE_BYTES_MAX`].
pub const EXCHANGE_BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Answers in one frame from an agency or from the inspection service.
pub const ANSWERS_MAX: usize = 1_000;
/// Commits that a slow reader may lag behind before it reads from the database instead of memory.
pub const TAIL_BATCHES_MAX: usize = 64;
/// Damaged entries of a journal that a process has told people of. Beyond, it tells of them again.
pub const DAMAGED_ENTRIES_KNOWN_MAX: usize = 10_000;
/// Journal entries read from the database at once. A content has up to half a megabyte.
pub const REPLAY_PAGE: i64 = 128;
/// Seconds that a pull of receipts may wait for the first one; below [`UNARY_SECONDS_MAX`].
pub const RECEIPTS_WAIT_SECONDS_MAX: u64 = 25;
/// Receipts read at once when the caller does not say.
pub const RECEIPTS_PAGE_DEFAULT: i32 = 100;
/// Bytes of receipts on one page, beyond which no further one begins.
pub const RECEIPTS_PAGE_BYTES: i64 = 4 * 1024 * 1024;
/// Pulls of receipts that wait at once, over all callers; of one as many as it may have streams.
pub const RECEIPTS_WAITING_MAX: usize = 2_048;
/// Parts of a split national document (msgCount).
pub const CEB_PARTS_MAX: u32 = 100;
/// Bytes of a message that is refused as a whole that are repeated in the refusal (CEB900).
pub const CEB_ECHO_BYTES_MAX: usize = 64 * 1024;
/// Items of a queue that are on their way at once.
pub const QUEUE_ROUND_MAX: i64 = 512;
/// After so many tries that failed by its own fault, an item is set aside for people.
pub const TRIES_MAX: i32 = 4;
/// Pause after the first try that failed; each one is four times as long as the last, so that an item is
/// set aside after some ten seconds.
pub const TRY_PAUSE_MILLISECONDS: u64 = 500;
/// A loop that has something to do and does nothing for longer stands still, and health says so. Longer
/// than a restart of the database or of another service.
pub const STANDSTILL_SECONDS: u64 = 30;
/// Declarations on one page of a list.
pub const PAGE_MAX: i32 = 1_000;
/// The same when the caller does not say.
pub const PAGE_DEFAULT: i32 = 50;
/// Declarations that are archived in one step, and of which no others are in a message.
pub const ARCHIVE_STEP: usize = 100;
/// So many days must have gone by since a declaration ended before it is archived.
pub const ARCHIVE_DAYS_LEAST: u32 = 30;
/// Declarations that are named when several have the number that was looked up.
pub const CANDIDATES_MAX: u16 = 100;
/// Streams on one connection.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 100;
/// Connections at once, over all principals. Fewer where the system gives fewer descriptors.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Of them, places that firms and their agents cannot take: whoever decides about goods, and whoever
/// looks after the window, gets in however many firms are there.
pub const CONNECTIONS_RESERVED: usize = 128;
/// Connections at once whose certificate is in no registry, over all of them.
pub const CONNECTIONS_UNKNOWN_MAX: usize = 16;
/// Connections at once that have shown no certificate and no good key yet, over all of them; the oldest
/// gives way to the next.
pub const CONNECTIONS_NEW_MAX: usize = 64;
/// Of them, from one address (of IPv6: from one network).
pub const CONNECTIONS_NEW_PER_ADDRESS_MAX: usize = 32;
/// Connections of one principal; the registry may say fewer, or more up to the next. A connection
/// carries [`STREAMS_PER_CONNECTION_MAX`] calls, so this is plenty.
pub const CONNECTIONS_PER_PRINCIPAL: usize = 64;
/// The most that the registry may say.
pub const CONNECTIONS_PER_PRINCIPAL_MAX: usize = 256;
/// Connections over a quota that are kept a moment to be told so, over all callers; beyond, they are
/// closed without a word.
pub const CONNECTIONS_REFUSED_MAX: usize = 32;
/// TLS handshakes at once; they do not count as connections before they are done. When all places are
/// taken, the one that has waited longest gives way: a real caller needs milliseconds.
pub const HANDSHAKES_MAX: usize = 512;
/// The same from one address. Many firms may call from one (a gateway, a test on one machine), so an
/// address beyond it loses its own oldest and is not shut out.
pub const HANDSHAKES_PER_ADDRESS_MAX: usize = 128;
/// Seconds for a handshake. Real ones take a round trip or two and some milliseconds.
pub const HANDSHAKE_SECONDS_MAX: u64 = 5;
/// Seconds until a new connection has said what it wants: the preface of HTTP/2, or the head of a
/// request. As long lives a connection that is only told why it may not stay.
pub const PREFACE_SECONDS_MAX: u64 = 10;
/// Seconds in which a frame, a block of headers, or the next piece of a body must come. The largest
/// frame has 16 KB: slower than that is no line that can file.
pub const PROGRESS_SECONDS_MAX: u64 = 10;
/// Milliseconds for which a connection is not read after a call on it was refused for what waits already. Nobody
/// notices them beside the delay that the refusal names, and what came meanwhile is refused together.
pub const READ_PAUSE_MILLISECONDS: u64 = 100;
/// Descriptors that connections cannot take: database, journals, files, the window's own calls.
pub const DESCRIPTORS_RESERVED: u64 = 256;
/// Unary calls of one principal at once: ten connections full of them.
pub const CALLS_PER_PRINCIPAL_MAX: usize = 1_024;
/// Streams of one principal at once (watching, receipts, the exchange): a firm needs a few.
pub const STREAMS_PER_PRINCIPAL_MAX: usize = 128;
/// Unary calls of all firms and agents at once; those of agencies and administrators come on top.
pub const CALLS_MAX: usize = 4_096;
/// Streams of all firms and agents at once, likewise.
pub const STREAMS_MAX: usize = 2_048;
/// Lists, statistics and other long reads at once. Beyond, they wait, each caller in its own queue.
pub const READS_LONG_MAX: usize = 4;
/// The same of one caller.
pub const READS_LONG_PER_PRINCIPAL_MAX: usize = 2;
/// Reads of one thing at once, beside the long ones: they are over in milliseconds.
pub const READS_SHORT_MAX: usize = 5;
/// The same of one caller.
pub const READS_SHORT_PER_PRINCIPAL_MAX: usize = 2;
/// Connections for reading beside those: for streams, which share what they read.
pub const REPLAYS_MAX: usize = 3;
/// Reads of one caller that wait for their turn; what is beyond would not have it in time.
pub const READS_WAITING_MAX: usize = 256;
/// Memory that what a firm has on its way may take: received, being decoded, waiting in a queue, answered
/// and not read yet. One of the largest envelopes while it is read, or thousands of usual messages.
pub const MEMORY_PER_PRINCIPAL_MAX: usize = 48 * 1024 * 1024;
/// The same of one agency, administrator or service of the window. It does not count towards
/// [`MEMORY_MAX`], so that no number of firms takes it away.
pub const MEMORY_PER_AGENCY_MAX: usize = 64 * 1024 * 1024;
/// The same of all firms and agents together, without the share of each that is its own.
pub const MEMORY_MAX: usize = 96 * 1024 * 1024;
/// The share of [`MEMORY_PER_PRINCIPAL_MAX`] that others cannot use up: enough for hundreds of usual
/// calls.
pub const MEMORY_ASSURED: usize = 1024 * 1024;
/// Memory that a byte stands for between its arrival and its decoding: buffers grow and are copied,
/// and objects are larger than what they come from.
pub const MEMORY_PER_BYTE: usize = 3;
/// Memory that a decoded message stands for, a byte of it: what is read from it is kept beside it.
pub const MEMORY_PER_DECODED_BYTE: usize = 2;
/// Memory that a byte of a national message stands for while it is read: its text, its tree, what its
/// signature covers, and its documents.
pub const MEMORY_PER_CEB_BYTE: usize = 4;
/// An answer up to here is given whatever its caller has in memory: it may say what was done.
pub const ANSWER_BYTES_SMALL: usize = 16 * 1024;
/// A piece of a stream's answers up to here, likewise: whoever files as fast as he may still hears what became of
/// it. tonic gathers messages up to 32 KiB in a piece, and the last may reach beyond.
pub const PIECE_BYTES_SMALL: usize = 64 * 1024;
/// An item of a stream up to here is taken whatever its caller has in memory; the stream reads no
/// further then.
pub const ITEM_BYTES_SMALL: usize = 64 * 1024;
/// Seconds in which a firm must read something of an answer that waits for it. A pause of a program
/// is shorter; what it did not read it can read again.
pub const READ_SECONDS_MAX: u64 = 30;
/// The same for agencies and administrators: a consumer may work on one batch for minutes.
pub const READ_SECONDS_AGENCY_MAX: u64 = 300;
/// Bytes of one answer that must be read in a second, beyond the first [`READ_SECONDS_MAX`].
pub const READ_BYTES_PER_SECOND: u64 = 64 * 1024;
/// Bytes that may be on their way to us in one stream, and in one connection, before somebody reads
/// them. A filing has some kilobytes: hundreds fit.
pub const RECEIVE_STREAM_BYTES: u32 = 256 * 1024;
/// See [`RECEIVE_STREAM_BYTES`].
pub const RECEIVE_CONNECTION_BYTES: u32 = 512 * 1024;
/// Bytes of receipts that a follower of a log has waiting in the window.
pub const RECEIPTS_FOLLOWED_BYTES: i64 = 256 * 1024;
/// What a connection of HTTP/2 may cost without getting anything done, in points: a frame that carries
/// nothing (PRIORITY, PING, SETTINGS, WINDOW_UPDATE, RST_STREAM, an empty or unknown one) costs
/// [`FRAME_POINTS`], a small piece of a body one. So 500 such frames a second are free for ever, 2,000 at
/// once; stock clients stay below a few dozen. Beyond, the connection ends with GOAWAY.
pub const FRAME_POINTS_MAX: u32 = 80_000;
/// Points that come back in a second.
pub const FRAME_POINTS_PER_SECOND: u32 = 20_000;
/// Points of a frame that carries nothing.
pub const FRAME_POINTS: u32 = 40;
/// Points that every frame of an answer brings: whoever downloads or makes many calls acknowledges
/// much, and pings to measure the line.
pub const FRAME_POINTS_EARNED: u32 = 160;
/// A piece of a body below this many bytes is small: less than any message worth a frame of its own.
pub const FRAME_BYTES_SMALL: u32 = 64;
/// Bytes of the details of a refusal. They travel in the trailers, in base64, and stock clients take
/// 8 KB of trailers in all.
pub const REFUSAL_BYTES_MAX: usize = 5 * 1024;
/// Bytes of the message of a refusal, which travels beside them with most characters escaped.
pub const REFUSAL_MESSAGE_BYTES_MAX: usize = 900;
/// Characters of one value of a caller that is repeated in a refusal.
pub const REFUSAL_VALUE_MAX: usize = 200;
/// Characters of what is wrong in one place of a message.
pub const REFUSAL_TEXT_MAX: usize = 400;
/// Reasons in one verdict, and findings in one report.
pub const REASONS_MAX: usize = 100;
/// Characters in one reason, finding or remark.
pub const TEXT_MAX: usize = 1_000;
/// Characters in one text of a call when no rule says less: no list, no log line and no index entry of
/// ours is broken by it.
pub const WIRE_TEXT_MAX: usize = 4_000;
/// The same for tokens, which callers get from us: a position for each of 256 slots.
pub const WIRE_TOKEN_MAX: usize = 16_000;
/// Entries of one list in a message, counted before any of them is decoded. An entry of two bytes
/// becomes an object of hundreds.
pub const WIRE_LIST_MAX: usize = 1_000;
/// Texts, bytes and messages in one message of a call, all lists together.
pub const WIRE_PARTS_MAX: usize = 65_536;
/// Seconds that a unary call may take.
pub const UNARY_SECONDS_MAX: u64 = 30;
/// Seconds after which a consumer of the exchange that has events to acknowledge and acknowledges none is
/// stalled, where it does not say another number.
pub const STALLED_SECONDS_DEFAULT: u32 = 60;
/// The same at most, whatever it says: an agency that stores events takes no longer for one.
pub const STALLED_SECONDS_MAX: u32 = 3_600;
/// Seconds without a sign of life after which slots go to another consumer of the agency.
pub const LEASE_SECONDS: i64 = 15;
/// Seconds for which a quote of a bank binds it.
pub const QUOTE_SECONDS: i64 = 60;
/// Lines of one kind, written at one place in the code, in the log in a second; the others are counted.
pub const LOG_LINES_PER_SECOND: u32 = 20;
/// Seconds between heartbeats on a quiet stream.
pub const HEARTBEAT_SECONDS: u64 = 5;
/// Declarations filed by the declarants of one slot in one day: the nine digits of preNo are shared
/// evenly among the slots.
pub const NUMBERS_PER_SLOT: i64 = 1_000_000_000 / 256;
/// From here on the numbers of a slot are given by the national door, before by the declaration service. The
/// first receipt of an inventory (2, 申报中) carries its preNo, and goes out before its documents fit and the
/// declaration service hears of it: so there are two who give the numbers of one series.
pub const NUMBERS_OF_DOOR_FROM: i64 = NUMBERS_PER_SLOT / 2;
/// The same for export customs numbers of one house in one year, which have eleven digits. Import
/// customs numbers have nine, like preNo.
pub const NUMBERS_PER_SLOT_EXPORT: i64 = 100_000_000_000 / 256;

/// Minutes of which refusals are counted for whoever operates the window; the last of them goes on.
pub const REFUSAL_MINUTES: usize = 30;
/// Keys of callers that are good at once. Every process holds them in memory.
pub const API_KEYS_MAX: usize = 10_000;
/// Of them, those of one caller: one for each of a firm's programs, and as many again while they change over.
pub const API_KEYS_EACH_MAX: usize = 20;
/// Days that a key is good for, when nothing is said.
pub const API_KEY_DAYS: u32 = 365;
/// The most days that a key may be good for that an administrator makes.
pub const API_KEY_DAYS_MAX: u32 = 1_095;
/// The same where a firm makes it for itself: whoever looks after it looks at it once a year.
pub const API_KEY_FIRM_DAYS_MAX: u32 = 365;
/// Webhooks of one caller.
pub const WEBHOOKS_EACH_MAX: i64 = 20;
/// Webhooks in all: each has room of its own for what is under way.
pub const WEBHOOKS_MAX: i64 = 1_000;
/// Signing keys of a webhook that sign at once.
pub const WEBHOOK_KEYS_MAX: usize = 4;
/// Hours that a key goes on signing beside a newer one.
pub const WEBHOOK_KEEP_HOURS_MAX: u32 = 168;
/// Bytes of the address of a webhook.
pub const WEBHOOK_URL_BYTES_MAX: usize = 2_000;
/// Messages of one webhook under way at once in one process.
pub const WEBHOOK_POSTS_AT_ONCE: i64 = 16;
/// The same while nothing is taken there.
pub const WEBHOOK_POSTS_AT_ONCE_FAILING: i64 = 2;
/// How long an endpoint may take to answer.
pub const WEBHOOK_ANSWER_TIME: std::time::Duration = std::time::Duration::from_secs(15);
/// Bytes of an answer that are read, so that its connection can be used again.
pub const WEBHOOK_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Seconds after which another process posts what one claimed; longer than an answer may take.
pub const WEBHOOK_LEASE_SECONDS: i32 = 25;
/// Days that messages of webhooks and what became of them are kept.
pub const WEBHOOK_HISTORY_DAYS: i64 = 30;
