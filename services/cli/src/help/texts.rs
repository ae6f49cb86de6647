//! Every text of the help, English and Chinese side by side, in the order of the English.

/// What clap is given, paragraph by paragraph and without the last full stop, and the same in Chinese.
#[rustfmt::skip]
pub const TEXTS: &[(&str, &str)] = &[
    (
        "A PostgreSQL that follows the window's, for lists and statistics. They are read there when it has everything \
         that was acknowledged before, and from the window's own otherwise",
        "跟随单一窗口数据库的PostgreSQL（从库），供列表与统计使用。从库已有此前确认的全部内容时在其上读取，否则在主库读取",
    ),
    ("A declarant that an agent may file for; may be given several times", "代理可为其申报的企业，可多次给出"),
    (
        "A document and its file, for example invoice=invoice.pdf. May be given several times, also for one kind",
        "单证及其文件，如 invoice=invoice.pdf；可多次给出，同类单证亦可多份",
    ),
    (
        "A document that the firm is asked for, with --hold, and what it has to show: invoice, contract, packing_list, licence, certificate, photo or other. May be given several times",
        "与 --hold 合用，要求企业补交的单证及说明：invoice（发票）、contract（合同）、packing_list（装箱单）、licence（许可证件）、certificate（证书）、photo（照片）或other（其他）；可多次给出",
    ),
    (
        "A draw can be made again when its day is over in China and the seed is published; \
         before, the commitment shows that the seed was fixed",
        "当日（中国时间）结束且随机种子公布后，可复算抽签；此前可凭承诺值确认种子早已固定",
    ),
    (
        "A file is JSON of the schema (a declaration, a request {\"request_id\": …, \
         \"declaration\": {…}}, a list of either, or one of either a line). The same document is \
         the same request, so the command may be repeated: what was filed keeps its receipt. To \
         file the same content once more after it ended, give it a new request_id",
        "文件为JSON（一份清单、一个请求 {\"request_id\": …, \"declaration\": {…}}、二者的列表，或每行\
         一份）。同一单证即同一请求，命令可重复执行：已申报的沿用原回执。终结后要以相同内容再次申报，\
         请换用新的request_id",
    ),
    (
        "A file is a declaration as `submit` takes it, or a message with import inventories \
         (CEB621). The numbers are those of the day of declaration, or of --on. What is missing \
         for the calculation is asked for by name, all at once. The tariff and the list of \
         retail imports are samples. The exit code is 1 when something is missing, or when \
         customs would refuse the order",
        "文件为 submit 所用的清单（JSON），或含进口清单的报文（CEB621）。按申报日期或 --on \
         所指日期的税率和限值计算。计算所缺的各项一次性列出。税则和零售进口商品清单均为样例。\
         缺项或海关会退单时退出码为1",
    ),
    (
        "A file that taxes of imports are computed by: numbers of the law, a tariff, or the list of retail imports, in the place of the one of the program with the same tables; docs/tax.md describes it. May be given several times. Without it, the tariff and the list are samples",
        "计算进口税所依据的文件：法规数值、税则或零售进口商品清单，代替程序自带的同类文件，见docs/tax.md；可多次给出。未给出时税则与清单为样例",
    ),
    (
        "A file to compute by: numbers of the law, a tariff, or the list of retail imports, in the place of the one of the program with the same tables. May be given several times, as to `serve`",
        "计算所依据的文件：法规数值、税则或零售进口商品清单，代替程序自带的同类文件；可多次给出，与serve相同",
    ),
    (
        "A firm that it is for (customs code); may be given several times [default: all that the caller sees]",
        "所需企业（海关编码），可多次给出 [默认：有权查看的全部企业]",
    ),
    (
        "A folder with scenarios of your own (*.toml), instead of those of the program",
        "自有场景文件（*.toml）所在目录，代替内置场景",
    ),
    (
        "A national message (CEB) is sent as `ceb send` does, after the JSON; with --check it is \
         explained as by `ceb explain --brief` instead",
        "统一版报文（CEB）在JSON之后照 ceb send 发送；使用 --check 时则照 ceb explain --brief 说明，不发送",
    ),
    (
        "A firm (customs code) where a relative works or that the officer has a share in; may \
         be given several times",
        "亲属任职或本人持股的企业（海关编码），可多次给出",
    ),
    (
        "A number on the exchange platform (dxpId) that it sends under; may be given several times",
        "其发送所用的传输平台编号（dxpId），可多次给出",
    ),
    (
        "A photograph, record or certificate; may be given several times. Only its digest \
         (SHA-256) is told, so keep the file",
        "照片、记录或证书，可多次给出；只报送其摘要（SHA-256），请保留原文件",
    ),
    (
        "A remark; in a sandbox its words script the tax office",
        "备注；在沙箱中其中的关键词用于编排税务机关的行为",
    ),
    (
        "A rule set (JSON), at most one of each agency; `inspect rules print` prints one to \
         start from [default: the samples of both agencies]",
        "规则集（JSON），每个机关至多一个；可由 inspect rules print 输出样例 [默认：两机关的样例]",
    ),
    ("A sample was taken", "取样"),
    ("A sample went to a laboratory", "样品送检"),
    (
        "A statement is camt.053, or a spreadsheet (CSV) with the columns account, statement, \
         booked, currency and amount, and perhaps charges, reference, end_to_end, party and \
         text; notices (camt.054) are taken too, alone or beside their statements. Several files \
         are one: a booking counts once, whichever of them tell it, and two equal bookings of a \
         day are two. Receipts are matched by the order numbers in their texts. The exit code is \
         1 when something does not match",
        "对账单为camt.053，或含account、statement、booked、currency、amount列的表格（CSV），可\
         另有charges、reference、end_to_end、party、text列；也接受动账通知（camt.054），可单独\
         使用，也可与对账单同用。多份文件合并处理：同一笔入账无论出现在哪份文件都只计一次，同日\
         两笔相同的入账计两笔。按附言中的订单编号匹配。有未匹配的内容时退出码为1",
    ),
    (
        "A type of messages that it is for, for example declaration.released; may be given several times [default: all]",
        "所需消息类型，例如declaration.released，可多次给出 [默认：全部]",
    ),
    (
        "A window of ~/.config/single-window/contexts.toml, where no other flag of a connection is given [default: the one that `context use` chose]",
        "~/.config/single-window/contexts.toml中的环境，在未给出其他连接参数时生效 [默认：context use 所选]",
    ),
    ("A window other than the sandbox: host:port", "沙箱以外的单一窗口，主机:端口"),
    ("A, B or C", "A、B或C"),
    ("About this declaration only", "仅与该清单有关的"),
    ("Accept a quote: the bank is ordered to settle (结汇)", "接受报价，指令银行结汇"),
    ("Add a caller", "添加调用方"),
    (
        "Add a data key that encrypts from the next start on. What older keys encrypted they \
         still decrypt",
        "增加一个数据密钥，下次启动起用于加密；旧密钥加密的内容仍由旧密钥解密",
    ),
    (
        "Add or change a place. Appointments that were made stay as they are",
        "新增或修改查验场地；已有预约不变",
    ),
    (
        "Add or change an officer of your own agency. It is the whole record: what is left out \
         is none",
        "新增或修改本机关人员；须给出完整记录，未填即为无",
    ),
    ("All of them", "全部"),
    ("An examination place of a site; may be given several times", "查验场地负责的查验地点，可多次给出"),
    ("An officer cannot come; another one is drawn", "人员不能到场，另行抽取"),
    (
        "Another PostgreSQL than the private one, for example postgres://user@host/database",
        "使用其他PostgreSQL而非自带的，例如 postgres://user@host/database",
    ),
    (
        "Answer a query of the tax office about a line: a doubt (疑点), for example",
        "答复税务机关对某条明细的疑点等",
    ),
    ("Any number of the document", "单证的任一编号"),
    (
        "Appeal against an entry of your credit, once, within 60 days. It counts until that is \
         decided",
        "对本企业信用记录申诉，60日内一次；决定前记录仍有效",
    ),
    (
        "Appointments so far, as you saw them [default: as they are now]",
        "您所见的已预约次数 [默认：当前次数]",
    ),
    (
        "Archive declarations that ended long ago: what was declared and what happened leaves the \
         database; where they stood, their numbers and releases stay",
        "归档早已终结的清单：申报内容和历程移出数据库，状态、各编号和放行保留",
    ),
    (
        "Ask for a rate at which a receipt would be settled; without a side, all that is left is sold",
        "为收汇询价结汇；未指定金额时卖出全部余额",
    ),
    (
        "Ask the window what an import would cost before it is filed: within the limits and in full, with every step, by the tariff of the window",
        "申报前向单一窗口询问一票进口的税款：限值以内与全额征税并列，列明每一步，按单一窗口所用税则",
    ),
    (
        "Assign to its receipt what a bank executed after an order had ended; until then it lies in \
         suspense",
        "将指令终结后银行执行的款项认领到其收汇；此前为待核查",
    ),
    (
        "Assess past declarations with rule sets: who would have been looked at, and why",
        "用规则集评估既往清单：哪些会被布控，原因为何",
    ),
    (
        "At most so many",
        "最多条数",
    ),
    (
        "At most so many [default: all]",
        "最多条数 [默认：全部]",
    ),
    ("At most this many", "最多列出的条数"),
    (
        "Authority of endpoints of webhooks (PEM), besides those that browsers trust; may be given several times",
        "推送接收端证书的签发机构（PEM），补充浏览器信任的机构，可多次给出",
    ),
    (
        "Authority of the certificate of the window that it calls (PEM)",
        "被调用窗口的证书颁发机构（PEM）",
    ),
    (
        "Authority of the window's certificate (PEM), with --cert and --key",
        "单一窗口证书的颁发机构（PEM），与--cert、--key同用",
    ),
    (
        "Authority that issues signing certificates (PEM). Without one, only whether the \
         signature fits the message and the certificate is said",
        "签名证书的颁发机构（PEM）；不给出时只说明签名与报文、证书是否相符",
    ),
    ("Authority that signs callers' certificates (PEM)", "签发调用方证书的机构（PEM）"),
    (
        "Authority whose certificates sign national messages (PEM); may be given several times. \
         The registry can name single certificates as well",
        "国家报文签名证书的颁发机构（PEM），可多次给出；登记表也可指定单个证书",
    ),
    (
        "Begin with the first thing that happened",
        "从最早发生的事项开始",
    ),
    (
        "Both together give back any moment since the first copy (`single-window restore`). Let --receive run all the time, and copy once a day. The file of data keys is not in it: without it nobody can read what is restored, so keep it elsewhere",
        "两者合用可恢复首次复制以来的任一时刻（single-window restore）。请让 --receive 一直运行，并每天复制一次。数据密钥文件不在其中：没有它则恢复的数据无法读取，请另行保存",
    ),
    (
        "Bring the database's tables up to date and end, also while windows of the version before serve",
        "升级数据库表结构后退出；前一版本可同时运行",
    ),
    (
        "By the numbers of this day, as 2026-11-24 [default: the day of declaration]",
        "按此日的税率和限值，如 2026-11-24 [默认：申报日期]",
    ),
    (
        "By the numbers of this day, as 2026-11-24 [default: today, as if it was filed now]",
        "按该日期的税率与限值，如2026-11-24 [默认：今天，如同现在申报]",
    ),
    (
        "CONFORM, DOC_MISMATCH, QTY_MISMATCH, NAME_OR_CODE_MISMATCH, IP_INFRINGEMENT, \
         PROHIBITED, QUARANTINE_FAIL, QUALITY_FAIL or LAB_PENDING",
        "查验结果代码：CONFORM、DOC_MISMATCH、QTY_MISMATCH、NAME_OR_CODE_MISMATCH、\
         IP_INFRINGEMENT、PROHIBITED、QUARANTINE_FAIL、QUALITY_FAIL或LAB_PENDING",
    ),
    ("CSV (RFC 4180) with a header line", "CSV（RFC 4180），首行为标题"),
    (
        "Certificate of the inspection service (PEM), in the registry of kind inspection-service. With it, \
         risk rules are asked and joint orders are kept",
        "查验服务的证书（PEM），登记表中类别为inspection-service；给出后执行风险布控并管理联合查验单",
    ),
    (
        "Certificate of the national door (PEM), in the registry as a gateway. With it, CEB \
         messages are taken",
        "国家报文入口的证书（PEM），登记表中为gateway；给出后受理CEB报文",
    ),
    (
        "Certificate of the payment service (PEM), in the registry as payment-service. With it, imports are released only when their duty is secured",
        "支付服务的证书（PEM），登记表中类别为payment-service；给出后进口清单须税款已担保方可放行",
    ),
    (
        "Certificate of the refund service (PEM), in the registry as refund-service. With it, exports are kept for the tax refund",
        "出口退税服务的证书（PEM），登记表中类别为refund-service；给出后保存出口明细以办理退税",
    ),
    ("Certificates of callers that their authority has revoked (CRL, PEM)", "颁发机构已吊销的调用方证书（CRL，PEM）"),
    (
        "Certificate of the webhook service (PEM), in the registry as webhook-service. With it, what happens is posted to the webhooks of callers",
        "推送服务的证书（PEM），登记表中类别为webhook-service；给出后将所发生的事项投递至调用方的推送地址",
    ),
    (
        "Check a rule set without a window: everything that is wrong in it at once",
        "不连接窗口检查规则集，一次列出全部问题",
    ),
    (
        "Choose place and time of an inspection, or move it. An enterprise says so two hours \
         ahead and may move it twice",
        "选择或更改查验场地和时间；企业须提前两小时，至多更改两次",
    ),
    (
        "Compare the books of all services with each other: declarations, inspections, payments, tax refunds. The exit code is 1 when they differ",
        "核对各服务的账簿：清单、查验、支付、退税。存在差异时退出码为1",
    ),
    (
        "Compute the duties of imports again from what was kept of each calculation, by the numbers that the window has now, and name those that come out otherwise. The exit code is 1 when one does. Nothing is changed",
        "按单一窗口现用数值，从每次计算所留存的内容重新计算进口税款，指出结果不同者。有不同时退出码为1。不作任何更改",
    ),
    ("Connection", "连接"),
    (
        "Copy the database into a directory while the window goes on, or receive there what is written from now on",
        "在单一窗口运行时将数据库复制到目录，或在该目录接收此后写入的内容",
    ),
    (
        "Copy the file of data keys there first, then start the window and run `single-window verify`",
        "请先将数据密钥文件复制到该目录；恢复后启动单一窗口并执行 single-window verify",
    ),
    (
        "Country of whoever paid, as customs numbers it [default: that of the export]",
        "付款人国别（海关代码）[默认：出口清单的运抵国]",
    ),
    (
        "Credit class of every declarant: advanced, general or untrusted [default: what the \
         inspection service says of each today, general where it does not]",
        "各申报企业的信用等级：advanced、general或untrusted [默认：查验服务今日所示，无则为\
         general]",
    ),
    (
        "Credit of firms (企业信用): read it, certify, decide appeals",
        "企业信用：查询、认证、申诉决定",
    ),
    ("Customs code", "海关编码"),
    ("Customs code of an enterprise or agent", "企业或代理的海关编码"),
    (
        "Customs code of the declarant that they are kept for; agents say it",
        "文件所属申报企业的海关编码，代理须给出",
    ),
    ("Customs code of the firm", "企业海关编码"),
    (
        "Day on which it left, YYYY-MM-DD",
        "离境日期，YYYY-MM-DD",
    ),
    (
        "Days of leave, both included: 2026-12-01..2026-12-05, or one day; may be given several \
         times",
        "休假日期，含首尾：2026-12-01..2026-12-05，或单日；可多次给出",
    ),
    ("Days until it ends by itself: at most 365, where an administrator makes it 1,095", "有效天数，最长365天，由管理员生成的最长1095天"),
    ("Decide an appeal", "决定申诉"),
    (
        "Decide as an agency what happens to the goods (处置); the strictest decision counts",
        "以机关身份决定货物处置，以最严者为准",
    ),
    ("Declarants; their slots share the work", "申报企业数，其数据槽分担负载"),
    (
        "Declarations (JSON) or messages (CEB621); `-` is standard input",
        "清单（JSON）或报文（CEB621）；“-”为标准输入",
    ),
    ("Declarations on their way at once by unary calls", "以单次调用同时在途的清单数"),
    ("Declarations on their way at once over streams", "以数据流同时在途的清单数"),
    (
        "Declarations on their way at once when all of them are inspected",
        "全部查验时同时在途的清单数",
    ),
    (
        "Declarations wait until an inspection service in another process has asked the risk \
         rules; it must be connected. With --inspection-service-cert that is so anyway",
        "清单须等待另一进程的查验服务完成风险布控，该服务须已连接；给出--inspection-cert时本已如此",
    ),
    ("Declarations, and the exchange with agencies", "申报服务及与机关的数据交换"),
    ("Declarations, as JSON over HTTP or gRPC", "清单，以HTTP上的JSON或gRPC"),
    ("Demand a client certificate of every caller: keys of callers do not replace it", "要求所有调用方出示客户端证书，接口密钥不能代替"),
    (
        "Declare a receipt to the balance of payments, or correct what was declared",
        "对收汇作国际收支申报，或更正已申报内容",
    ),
    ("Do not simulate agencies: connect your own", "不模拟机关，由您自行接入"),
    (
        "Download what a declaration names. The bytes are compared with their digest",
        "下载清单列明的文件，并与摘要核对",
    ),
    (
        "End a caller: its connections are closed at once, with those that its keys opened",
        "吊销调用方：立即关闭其连接，包括用其接口密钥建立的连接",
    ),
    ("End a key at once, with the streams that were opened with it", "立即吊销接口密钥，并结束用其建立的数据流"),
    (
        "End a webhook, with its messages",
        "删除推送及其消息",
    ),
    (
        "End when the declaration is released, rejected, withdrawn or returned; the exit code \
         is 0 when it is released",
        "清单放行、退单、撤单或退运时结束；放行时退出码为0",
    ),
    (
        "End when the order stands at this stage or a later one; the exit code is 1 when it \
         fell away before",
        "查验单到达该环节或其后时结束；此前取消则退出码为1",
    ),
    (
        "Everything counts by it: deadlines, days, months and years of numbers, taxes and \
         credit, in the window and for its simulated agencies. It never goes back, and stays \
         moved when the sandbox is started again; a new data directory begins with the time \
         of the machine",
        "单一窗口及其模拟机关的一切期限，以及编号、税款、信用的日、月、年，均以该时钟为准。时\
         钟不可回调，沙箱重启后保持不变；新的数据目录从本机时间开始",
    ),
    (
        "Explain messages (CEB): every field with its meaning, and everything that is wrong. \
         Asks no window",
        "解释报文（CEB）：各字段含义及全部错误；不连接窗口",
    ),
    (
        "Explain what an import costs: within the limits and in full, side by side, with every \
         step. Asks no window",
        "说明进口应缴税款：限值以内与全额征税并列，逐步列出计算过程。不连接单一窗口",
    ),
    (
        "Explain what the risk rules said about a declaration, and verify their draws",
        "说明某清单的风险布控结果，并验证抽签",
    ),
    (
        "Export tax refund (出口退税): what exports are entitled to, invoices, and claims",
        "出口退税：应退权益、发票与退税申报",
    ),
    (
        "Export tax refund: proofs, invoices, claims; needs --refund-service-endpoint",
        "出口退税：凭证、发票与申报；须给出--refund-service-endpoint",
    ),
    (
        "Fetch the receipts of this exchange number too; those of senders are fetched anyway",
        "另取该交换编号的回执；发送方的回执总会取回",
    ),
    (
        "File a new version of a declaration. Verdicts for older versions are void, and review \
         begins again",
        "申报新版本；针对旧版本的回执作废，重新审核",
    ),
    ("File declarations", "申报清单"),
    (
        "Filed at or after: YYYY-MM-DD (a day in China) or RFC 3339",
        "申报时间不早于：YYYY-MM-DD（中国日期）或RFC 3339",
    ),
    (
        "Filed at or after: YYYY-MM-DD (a day in China) or RFC 3339 [default: 30 days before \
         the end]",
        "申报时间不早于：YYYY-MM-DD（中国日期）或RFC 3339 [默认：截止前30日]",
    ),
    ("Filed before; a day counts as a whole", "申报时间早于；日期按整日计"),
    (
        "Filed before; a day counts as a whole [default: now]",
        "申报时间早于；日期按整日计 [默认：现在]",
    ),
    ("Files of at most 20 MiB", "文件，每个不超过20 MiB"),
    ("Files; `-` is standard input", "文件；- 为标准输入"),
    ("First day, in China [default: a week ago]", "起始日（中国） [默认：一周前]"),
    ("First day, in China [default: today]", "起始日（中国） [默认：今天]"),
    (
        "Follow what happens and post it to an address of this machine, signed: for whoever writes the endpoint of a webhook",
        "跟踪所发生的事项并签名投递至本机地址，供开发推送接收端使用",
    ),
    (
        "Follow what happens to exports, invoices and claims, without end",
        "持续跟踪出口、发票与申报的变化",
    ),
    ("Follow what happens to orders, from now on", "从现在起跟踪查验单动态"),
    ("Follow what happens to your declarations, from now on", "从现在起跟踪本企业清单动态"),
    ("For how many days the old one is accepted; 0 ends it at once", "旧证书继续可用的天数；0为立即停用"),
    (
        "For this caller of the registry; administrators name others [default: whoever asks]",
        "为该已登记的调用方，管理员可指定他人 [默认：本人]",
    ),
    (
        "For this firm (customs code) [default: your own]",
        "企业（海关编码） [默认：本企业]",
    ),
    (
        "For which instruction: customs/ID or quarantine/ID",
        "针对哪条布控指令：customs/编号 或 quarantine/编号",
    ),
    (
        "For which this firm stands (customs code) [default: all that you see]",
        "由该企业担保的（海关编码）[默认：您可见的全部]",
    ),
    (
        "From 1; a correction has a higher one [default: the next one]",
        "从1起；更正时递增 [默认：下一个]",
    ),
    (
        "Give a caller a new certificate. The old one is accepted beside it for a while",
        "为调用方更换证书，旧证书在一段时间内仍可使用",
    ),
    (
        "Give one stuck item up for ever; what waits behind it goes on. Nobody is told",
        "永久放弃一件滞留件，其后续事项继续处理；不通知任何一方",
    ),
    ("Go on after this resume token of an earlier entry", "从此前条目的续传令牌之后继续"),
    (
        "Go on with a webhook that was paused: what waits is posted now",
        "恢复已暂停的推送，待投递的消息立即投递",
    ),
    ("Go on with what comes, until Ctrl-C", "持续接收，直至Ctrl-C"),
    (
        "Grant or change the credit line of a guarantee account, such as a letter of guarantee (保函)",
        "设定或变更担保账户的授信额度，例如保函",
    ),
    (
        "Guarantees, duty of imports and tax bills; needs --payment-service-endpoint",
        "税款担保、进口税款与税单；须给出--payment-service-endpoint",
    ),
    (
        "Hand in a file of a bank (camt.053, camt.054, pain.002), as a bank or the operator",
        "提交银行文件（camt.053、camt.054、pain.002），由银行或运营方使用",
    ),
    (
        "Hand a claim to the tax office, again when its form was refused",
        "向税务机关提交申报；不予受理后可再次提交",
    ),
    (
        "Hand it in as soon as it is complete",
        "生成完毕后立即提交",
    ),
    ("Have stuck items tried again, when the cause is gone", "原因消除后重试滞留件"),
    (
        "Hours that the keys before go on signing, at most 168",
        "原密钥继续签名的小时数，最多168",
    ),
    ("How long a file must rest before it is taken, in milliseconds", "文件静置多久后才取走，毫秒"),
    ("How long to wait", "最长等待时间"),
    ("How long to wait for the first request of a scenario", "等待场景首个请求的时长"),
    ("How long: 31d, 12h, 90min, \"1year 2days\"", "时长：31d、12h、90min、\"1year 2days\""),
    ("How many copies are kept; older ones go, with what only they need", "保留的复制份数；更早的连同其专用内容一并删除"),
    ("How many days, at most 14", "天数，至多14"),
    ("How this version was computed [default: the newest]", "该版本的计税过程 [默认：最新版本]"),
    ("Id of the item", "滞留件编号"),
    ("Id of the key, as `key list` shows it", "接口密钥编号，见 key list"),
    (
        "Id of the message [default: all that were given up]",
        "消息编号 [默认：已放弃的全部消息]",
    ),
    (
        "Id of the webhook",
        "推送编号",
    ),
    (
        "Id of the webhook [default: every one that the message was for]",
        "推送编号 [默认：该消息所属的全部推送]",
    ),
    (
        "Imports wait until a payment service in another process has secured their duty; it must be connected. With --payment-service-cert that is so anyway",
        "进口清单等待另一进程中的支付服务完成税款担保，该服务须已连接；给出--payment-service-cert时亦然",
    ),
    ("In words", "文字说明"),
    ("In yuan, as 1234.50", "金额（元），如 1234.50"),
    ("In yuan; 0 takes it away. What is held stays held", "金额（元）；0为取消，已冻结的不受影响"),
    (
        "Inspection (查验): orders, appointments, reports, decisions, rules, credit and \
         statistics",
        "查验：查验单、预约、报告、决定、规则、信用与统计",
    ),
    ("Inspection service (joint orders)", "查验服务（联合查验单）"),
    ("It is registered for trade in forex (名录)", "已列入贸易外汇收支名录"),
    ("It only reads", "仅限查询"),
    ("Its certificate (PEM) [default: it has keys only]", "其证书（PEM） [默认：只用接口密钥]"),
    ("Its customs code", "企业海关编码"),
    ("Its key (PEM)", "其私钥（PEM）"),
    (
        "Its money: awaited, received or settled",
        "收汇情况：awaited（未收汇）、received（已收汇）或settled（已结汇）",
    ),
    (
        "It reads the tables themselves, beside a window that runs, and changes nothing. What differs is told with both sides",
        "直接读取数据表，可在单一窗口运行时进行，不作任何改动；差异以双方数值列示",
    ),
    ("Its name in the file", "文件中的名称"),
    ("Its name in the file [default: the one in use]", "文件中的名称 [默认：正在使用的环境]"),
    (
        "Its name on the exchange; where several processes share the work, each needs its own",
        "在数据交换中的名称；多个进程分担时各用其名",
    ),
    ("Its name, for logs and keys", "名称，用于日志和接口密钥"),
    ("Its new certificate (PEM)", "新证书（PEM）"),
    ("Keep them nowhere", "不另存"),
    ("Keys of callers: for programs that cannot present a certificate", "接口密钥：供无法使用证书的程序使用"),
    ("Keep what is left of a receipt in forex (留存)", "将收汇余额以外汇留存"),
    ("Lanes of the group commit", "成组提交的通道数"),
    ("Language of texts", "文字所用语言"),
    (
        "Leave out the inspection service: its seat on the exchange is free for your own, and \
         no risk rules are asked",
        "不启动查验服务：其席位留给您自己的服务，且不执行风险布控",
    ),
    (
        "Leave out the payment service: imports are released without their duty being secured",
        "不启动支付服务：进口清单无须税款担保即可放行",
    ),
    (
        "Leave out the refund service and the tax office: exports are not kept for the tax refund",
        "不启动出口退税服务和税务机关：不保存出口明细",
    ),
    ("Left: is drawn no more", "已离职：不再抽取"),
    (
        "List accounts: what each has, what is held of it, and what is available",
        "列出账户：余额、冻结与可用",
    ),
    (
        "List claims",
        "列出退税申报",
    ),
    (
        "List declarations, newest first. Every filter that is set must hold",
        "列出清单，最新在前；各条件须同时满足",
    ),
    (
        "List duties of imports: those that wait for money, for example",
        "列出进口税款，例如等待资金的",
    ),
    ("List examination places, or put one", "列出查验场地，或登记一个"),
    (
        "List exports for which money is to come, with what came and was settled",
        "列出待收汇的出口清单及其收汇、结汇情况",
    ),
    (
        "List exports by urgency: what has to be given back, then by the next day that matters",
        "按紧急程度列出出口明细：先列应追回，再按最近期限",
    ),
    ("List firms with a credit record, by customs code", "按海关编码列出有信用记录的企业"),
    ("List keys in the order in which they were made, those that have ended too", "按生成先后列出接口密钥，含已失效的"),
    ("List officers of one agency or of both", "列出一个或两个机关的人员"),
    ("List officers, or put one", "列出人员，或登记一名"),
    ("List orders to settle", "列出结汇指令"),
    (
        "List orders, newest first. Every filter that is set must hold",
        "列出查验单，最新在前；各条件须同时满足",
    ),
    (
        "List receipts of money from abroad: what each pays, or why nothing",
        "列出境外收汇：核销了哪些清单，或未核销的原因",
    ),
    ("List rule sets, every version, newest first", "列出规则集的各版本，最新在前"),
    (
        "List special VAT invoices with what the invoice platform says of them",
        "列出增值税专用发票及其核验结果",
    ),
    ("List stuck items, oldest first", "列出滞留件，最早在前"),
    ("List tax bills (税单)", "列出税单"),
    ("List the callers, with how long their certificates are accepted", "列出调用方及其证书可用期限"),
    ("List the contexts and which one is in use", "列出各环境及正在使用的环境"),
    ("List the copies and end", "列出各份复制后结束"),
    (
        "List the messages of a webhook and what became of each, newest first",
        "列出推送的消息及投递结果，新的在前",
    ),
    ("List the scenarios, and do nothing", "只列出场景，不执行"),
    (
        "List the seeds of the draws: commitments in advance, seeds when the day is over",
        "列出抽签种子：事先为承诺值，当日结束后为种子",
    ),
    (
        "List the windows of a place that you can book now, with how many more orders each takes",
        "列出查验场地现在可以预约的时段及剩余名额",
    ),
    (
        "List webhooks, newest first",
        "列出推送，新的在前",
    ),
    (
        "List what a declaration names by its digest, and whether its bytes are here",
        "列出清单以摘要列明的文件，以及是否已上传",
    ),
    ("List what is held on guarantees, and for what", "列出担保账户上的冻结及其事由"),
    (
        "List what moved on a firm's accounts or was held there, oldest first, with the reason of each",
        "列出企业账户上的分录与冻结，最早在前，并列明事由",
    ),
    (
        "List what statements of banks say that is on accounts, beside what there should be (对账)",
        "列出银行对账单的期末余额及应有余额（对账）",
    ),
    (
        "List what was sent, newest first. Every filter that is set must hold",
        "列出已发送的单证，最新在前；各条件须同时满足",
    ),
    ("Make a key. It is shown now and never again. It takes a certificate: a key makes no other keys", "生成接口密钥，仅此一次显示。须用证书办理：接口密钥不能再生成密钥"),
    (
        "Make a webhook. Its secret is shown now and never again",
        "新建推送；密钥仅此一次显示",
    ),
    (
        "Make another signing key, shown now and never again; the ones before sign beside it for a while",
        "新增签名密钥，仅此一次显示；原密钥在一段时间内同时签名",
    ),
    ("Match a receipt by hand with the exports that it pays", "人工将收汇与其所付的出口清单匹配"),
    (
        "Match the statement of a bank with expected receipts: partial and combined ones, fees, \
         and why something does not match. Asks no window with --orders; without it, the statement is \
         compared with what the window has of it",
        "将银行对账单与应收款核对：部分收款、合并收款、手续费，以及未匹配的原因。给出--orders时不连接单一窗口；\
         未给出时与单一窗口的记录核对",
    ),
    (
        "Lodge money on a guarantee account: by the operator; in a sandbox by the firm itself",
        "向担保账户存入资金：由运营方办理；沙箱中企业可自行办理",
    ),
    (
        "May be ended anywhere and begun again, beside a window that runs. Of a run that was ended, the \
         last declarations may stand in the file twice",
        "可随时中止后再次执行，窗口可照常运行；中止时最后几份清单在文件中可能出现两次",
    ),
    (
        "Measure imports whose duty is secured only, and exports right before them",
        "仅测量税款已担保的进口清单，以及紧接其前的出口清单",
    ),
    (
        "Measure something else: what each call takes in an empty window, and beside so many finished \
         declarations that are loaded in bulk",
        "改为测量：各项操作在空库中，以及批量装入此数量的已终结清单之后，各需多长时间",
    ),
    (
        "Measure this machine: cleared declarations a second, beside the machine's own limits",
        "测量本机性能：每秒放行清单数，并与机器自身极限对照",
    ),
    (
        "Megabytes of attachments that are kept for a declarant in a day",
        "每个申报企业每日可上传随附单证的总量（MB）",
    ),
    (
        "Messages or envelopes, plain or .gz; `-` is standard input",
        "报文或信封，原文或.gz；- 为标准输入",
    ),
    ("Move the time forward by this long", "将时间向前调整一段时长"),
    ("Move the time forward to this one", "将时间向前调整至指定时刻"),
    (
        "NUMBER is an order number, waybill number, copNo, preNo, invtNo, guid, or number of a bill \
         of lading. When several documents have it, the inventory is shown and the others are listed; \
         --type chooses another",
        "NUMBER可为订单编号、运单编号、企业内部编号（copNo、coElNo）、预录入编号、清单编号、guid或\
         提运单号。多份单证有此编号时显示清单并列出其他单证；用--type选择",
    ),
    (
        "Name (declarations/UUID), UUID, or any number of it: preNo, order number, own number \
         (copNo), way-bill, invtNo, release",
        "名称（declarations/UUID）、UUID或任一编号：预录入编号、订单编号、企业内部编号、运单编号\
         、清单编号、放行编号",
    ),
    (
        "Name (declarations/UUID), UUID, or any of its numbers",
        "名称（declarations/UUID）、UUID或任一编号",
    ),
    (
        "Name (declarations/UUID), UUID, preNo or order number",
        "名称（declarations/UUID）、UUID、预录入编号或订单编号",
    ),
    (
        "Name (declarations/UUID, with or without /inspection), UUID or order number",
        "名称（declarations/UUID，可带/inspection）、UUID或订单编号",
    ),
    (
        "Name (declarations/UUID, with or without /inspection), UUID, preNo or order number",
        "名称（declarations/UUID，可带/inspection）、UUID、预录入编号或订单编号",
    ),
    ("Name of the laboratory", "实验室名称"),
    (
        "Name of this consumer; several consumers of one agency share the work",
        "本消费者名称；同一机关的多个消费者分担工作",
    ),
    ("National door (CEB messages)", "国家报文入口（CEB报文）"),
    ("National messages (CEB)", "统一版报文（CEB）"),
    (
        "National messages (CEB): send them, watch a folder, read receipts",
        "国家报文（CEB）：发送、监视文件夹、读取回执",
    ),
    (
        "No window is asked: whether the signer may sign for the declarant is not said here",
        "不连接窗口：签名人可否代申报企业签名，此处不作判断",
    ),
    (
        "Nobody came to the appointment; from half an hour after its beginning on",
        "预约时间过半小时后，无人到场",
    ),
    ("Number of the certificate", "证书编号"),
    (
        "Number of the goods declaration form (报关单号), 18 digits",
        "报关单号，18位数字",
    ),
    (
        "Number of the query [default: the present one]",
        "疑点编号 [默认：当前疑点]",
    ),
    ("Number of the registration", "登记编号"),
    ("Number on the seal", "封志号"),
    (
        "Object to the findings: a second examination (复验) by other officers, once",
        "对查验结果提出异议：由其他人员复验，一次为限",
    ),
    ("Of this caller; administrators name others [default: all that whoever asks may see]", "该调用方的接口密钥，管理员可指定他人 [默认：本人可见的全部]"),
    (
        "Of a producer: VAT of its purchases in the month, in yuan",
        "生产企业当月进项税额（元）",
    ),
    (
        "Of a producer: VAT of its sales at home in the month, in yuan",
        "生产企业当月内销销项税额（元）",
    ),
    (
        "Of this firm (customs code) [default: all that you see]",
        "该企业的（海关编码）[默认：您可见的全部]",
    ),
    ("Of this service: declaration, ceb or inspection [default: all]", "所属服务，declaration、ceb或inspection [默认：全部]"),
    (
        "Of what was written until then: YYYY-MM-DD (midnight in China) or RFC 3339 [default: now]",
        "截至该时点已记录：YYYY-MM-DD（中国时间零点）或RFC 3339 [默认：现在]",
    ),
    ("Of which line of goods [default: of the consignment]", "针对哪项商品 [默认：整批]"),
    (
        "Officers begin to look. Looking by machine and by hand are two steps",
        "人员开始查验；机检与人工查验为两个步骤",
    ),
    (
        "On the findings of which examination, 1 or 2, as you saw them [default: the current one]",
        "针对第几次查验的结果，1或2，以您所见为准 [默认：当前一次]",
    ),
    ("On this day, as 2026-11-24 [default: today]", "适用日期，如 2026-11-24 [默认：今天]"),
    (
        "One declaration, one inspection, one release: a single window for cross-border \
         e-commerce (跨境电商单一窗口)",
        "一次申报、一次查验、一次放行：跨境电商单一窗口",
    ),
    (
        "Only at this stage, for example ordered or found; may be given several times",
        "仅列该环节，例如ordered或found；可多次给出",
    ),
    ("Only check, as the window does: nothing is put in force", "与窗口相同的检查，但不生效"),
    (
        "Only check: files are uploaded, and no request is answered",
        "仅校验：上传文件，但不答复",
    ),
    ("Only check: nothing is kept", "仅校验，不保存"),
    (
        "Only goods whose code begins so: two to ten digits [default: the numbers of the law and \
         all goods]",
        "只列编码以此开头的商品，2至10位数字 [默认：全部税率、限值和商品]",
    ),
    (
        "Only in this state: under-review, inspecting, released, rejected, withdrawn or returned",
        "仅列该状态：under-review、inspecting、released、rejected、withdrawn或returned（也可写中\
         文）",
    ),
    (
        "Only messages of this type; may be given several times [default: all]",
        "仅此类型的消息，可多次给出 [默认：全部]",
    ),
    ("Only of this declarant (customs code)", "仅列该申报企业（海关编码）"),
    ("Only of this port (customs house)", "仅列该口岸（海关）"),
    ("Only say what it would be then", "只显示匹配后的结果，不实际匹配"),
    ("Only say what the account would be then", "仅告知届时的账户情况，不办理"),
    ("Only say what would be", "只说明结果，不实际办理"),
    ("Only say what would be declared", "只显示将申报的内容，不实际申报"),
    ("Only say what would be ordered", "只显示将发出的指令，不实际发出"),
    (
        "Only scenarios of this interface: declarations (JSON over HTTP, gRPC) or national messages (CEB)",
        "只进行该接口的场景：清单（HTTP上的JSON、gRPC）或统一版报文（CEB）",
    ),
    (
        "Only the operator of the site is there (径行开验); after three times that nobody came",
        "仅场地经营人在场（径行开验）；三次无人到场之后",
    ),
    (
        "Only these (SHA-256, 64 hexadecimal digits) [default: all whose bytes are here]",
        "仅这些文件（SHA-256，64位十六进制） [默认：全部已上传的文件]",
    ),
    (
        "Only these scenarios, for example 3,5 [default: all of --door]",
        "只进行这些场景，例如 3,5 [默认：--door 的全部场景]",
    ),
    ("Only this declarant (10 or 18 characters)", "仅列该申报企业（10位或18位）"),
    (
        "Only this declaration, its whole history first: name, UUID, or any of its numbers",
        "仅该清单，先列全部历史：名称、UUID或任一编号",
    ),
    ("Only this order number", "仅列该订单编号"),
    (
        "Only this order, its whole history first: name, UUID, preNo or order number",
        "仅该查验单，先列全部历史：名称、UUID、预录入编号或订单编号",
    ),
    ("Only this service in this process", "本进程只运行该服务"),
    (
        "Only this service in this process, beside others on the same database; --services says where they are",
        "本进程只运行该服务，与使用同一数据库的其他进程并行；--services 说明它们在何处",
    ),
    (
        "Only this supervision mode: 9610, 9710, 9810, 1210 or 1239",
        "仅列该监管方式：9610、9710、9810、1210或1239",
    ),
    ("Only this type, for example 621 or CEB621", "仅列该类型，例如621或CEB621"),
    ("Only those for which something is still to come", "只列尚有应收的清单"),
    ("Only those of this order", "仅列该订单的"),
    ("Only those on the blacklist", "仅列黑名单中的"),
    ("Only those that are not declared yet", "只列尚未申报的"),
    ("Only those that differ", "只列有差额的"),
    (
        "Only those that stand so",
        "仅此状态",
    ),
    (
        "Only those that still wait for an order, a payment or a waybill",
        "仅列尚待订单、支付单或运单的",
    ),
    (
        "Only those that this agency has not decided about: customs or quarantine",
        "仅列该机关尚未决定的：customs或quarantine",
    ),
    ("Only those with an appeal that waits", "仅列有待处理申诉的"),
    (
        "Only those with this number, whichever it is: order, way-bill, copNo, preNo, invtNo, guid, \
         bill",
        "仅列有此编号的，任一种均可：订单、运单、企业内部编号、预录入编号、清单编号、guid、提运单\
         号",
    ),
    ("Only what came after this position", "仅列该位置之后的"),
    (
        "Only what is about documents of this order, tax bills included",
        "仅列与该订单的单证有关的，含电子税单",
    ),
    ("Only what is wrong, not the fields", "只列错误，不列字段"),
    ("Only with an appointment at this place", "仅列在该场地有预约的"),
    (
        "Pause a webhook: nothing more is posted there, and what happens meanwhile waits until it goes on",
        "暂停推送：不再投递，其间发生的事项等待恢复后投递",
    ),
    (
        "Payment (支付): accounts, what is held, the duty of imports, and tax bills",
        "支付：账户、冻结、进口税款及税单",
    ),
    ("Payment service (guarantee, duty, tax bills)", "支付服务（担保、税款、税单）"),
    (
        "Post a message of the type webhook.test",
        "投递一条类型为webhook.test的消息",
    ),
    (
        "Post messages again: one, or all of a webhook that were given up",
        "重新投递：一条消息，或某推送已放弃的全部消息",
    ),
    ("Print a sample rule set as JSON, to start your own from", "输出JSON规则集样例，供自行修改"),
    ("Print help", "显示帮助"),
    ("Print help (see a summary with '-h')", "显示帮助（-h为简要帮助）"),
    ("Print help (see more with '--help')", "显示帮助（--help为详细帮助）"),
    ("Print nothing but problems", "只显示问题"),
    ("Print the completions of a shell, for its directory of completions", "输出命令行补全脚本，放入相应shell的补全目录"),
    (
        "Print the document of the one in force instead of the table; with --output json, add \
         the documents",
        "输出生效规则集的文档而非表格；与--output json同用时附上文档",
    ),
    ("Print this message or the help of the given subcommand(s)", "显示本帮助或指定命令的帮助"),
    ("Print version", "显示版本"),
    (
        "Propose a claim: everything that may be claimed of what left until the end of a month",
        "生成申报：截至某月末离境且可申报的全部明细",
    ),
    (
        "Provide documents that an agency asks for: upload the files, and answer its request. The declaration keeps its version",
        "补交机关要求的单证：上传文件并答复，清单版本不变",
    ),
    (
        "Put a database back from a backup, as it was at a moment, into a data directory that has none",
        "从备份恢复某一时刻的数据库，放入尚无数据库的数据目录",
    ),
    (
        "Put a rule set of your agency in force: declarations filed from now on are assessed by \
         it",
        "使本机关的规则集生效：此后申报的清单按其评估",
    ),
    (
        "RELEASE, AMEND_AND_RELEASE, TREAT, RETURN, DESTROY, OTHER_DETAIN, TRANSFER_CLEARANCE, \
         TRANSFER_LEGAL or TRANSFER_ANTISMUGGLING",
        "处置方式：RELEASE、AMEND_AND_RELEASE、TREAT、RETURN、DESTROY、OTHER_DETAIN、\
         TRANSFER_CLEARANCE、TRANSFER_LEGAL或TRANSFER_ANTISMUGGLING",
    ),
    ("Read so many, from the newest on", "读取的条数，从最新起"),
    (
        "Read the receipts (回执) of an exchange number, or of an order",
        "读取某交换编号或某订单的回执",
    ),
    ("Receive what is written (WAL), as it happens, until told to end", "实时接收写入内容（WAL），直至要求结束"),
    (
        "Recompute the ledger of payments from its entries: every balance, hold and sum",
        "由分录重算支付账簿：各账户余额、冻结与合计",
    ),
    (
        "Record as customs that a firm was certified (高级认证), or that this ended",
        "以海关身份登记企业取得或失去高级认证",
    ),
    (
        "Refund service (export tax refund)",
        "出口退税服务",
    ),
    (
        "Register invoices of a CSV file: code, number, seller, issued, gcode, unit, quantity, net, rate, tax, note. Lines of the same number are one invoice",
        "登记CSV文件中的发票，列为code, number, seller, issued, gcode, unit, quantity, net, rate, tax, note；号码相同的行属于同一张发票",
    ),
    ("Registry of callers (JSON)", "调用方登记表（JSON）"),
    (
        "Report what warehouses overseas sold (9810), by a CSV file: line, number, quantity, amount. The amount is FOB in the currency of the export",
        "以CSV文件报送海外仓（9810）销售情况：出口明细、报告编号、数量、金额；金额为出口币种的离岸价",
    ),
    (
        "Risk rules (布控规则): print a sample, check a file, put it in force, list what was in \
         force",
        "布控规则：输出样例、检查文件、使其生效、列出历次版本",
    ),
    ("Resource name of the declaration, or one of its numbers", "清单的资源名，或其任一编号"),
    (
        "Risk rules and joint inspection orders; needs --inspection-service-endpoint",
        "风险布控与联合查验单；须给出--inspection-service-endpoint",
    ),
    ("Run a simulated agency against a sandbox", "对沙箱运行一个模拟机关"),
    ("SHA-256 of the certificate, 64 hexadecimal digits", "证书的SHA-256，64位十六进制"),
    (
        "Say everything that keeps a window from starting with this file, with its lines. Nothing is started",
        "列出使单一窗口无法以该文件启动的全部问题及其行号；不启动任何服务",
    ),
    ("Say how SAFE supervises a firm; by the operator", "设定外汇局对企业的分类管理，由运营方使用"),
    (
        "Say that SAFE registered a receipt (登记), so that a firm of class C may settle it; by the operator",
        "说明外汇局已登记某笔收汇，C类企业其后可以结汇；由管理员办理",
    ),
    (
        "Say what is wrong with the window, and what to do about each. The exit code is 1 when something does not work now, and 3 when the window cannot be reached",
        "指出单一窗口的问题及处理办法。有功能失效时退出码为1，无法连接时为3",
    ),
    (
        "Say which migrations are pending, and which of them a window of the version before may meet. Nothing is changed",
        "列出待执行的迁移，并说明哪些可与前一版本并行；不作任何更改",
    ),
    (
        "Says what the message is, who sends it, whether it is signed, each document with its fields, \
         and what breaks the schema, the sums or, for inventories, the rules of a declaration. Order, \
         payment, waybill and inventory of one parcel, given together, are compared as the window \
         will compare them (三单对碰), and the fields that differ are named. Personal data is shown: \
         it is your own file. The exit code is 0 when nothing is wrong",
        "说明报文类型、发送方、是否签名、各单证及字段，以及不合规范、合计不符或（清单）不合申报规\
         则之处。同时给出同一票的订单、支付单、运单和清单时，按窗口的规则核对（三单对碰）并指出不\
         一致的字段。个人信息照实显示：这是您自己的文件。无错误时退出码为0",
    ),
    ("Seconds of each measured part", "每个测量项的秒数"),
    (
        "Seconds that calls may take to finish when the window drains",
        "窗口停止时，等待调用完成的秒数",
    ),
    (
        "Seed of the draws, 64 hexadecimal digits [default: all zeros]",
        "抽签种子，64位十六进制 [默认：全零]",
    ),
    (
        "Send national messages (CEB) or transport envelopes (DxpMsg)",
        "发送国家报文（CEB）或传输信封（DxpMsg）",
    ),
    (
        "Send what is there, fetch the receipts that are there, and end",
        "发送现有文件，取回现有回执后退出",
    ),
    ("Serve a window with your own certificates and registry", "以您自己的证书和登记表提供服务"),
    (
        "Settle an advance refund (海外仓预退) by what was sold until now",
        "按至今销售情况核算一项海外仓预退税",
    ),
    (
        "Show every document, also of many; without it only those that are not well",
        "列出每份单证，份数多时亦然；不给出时只列有问题的",
    ),
    ("Show how a window is reached", "显示如何连接该单一窗口"),
    (
        "Show how the window gets on: services, who is behind, what waits and on whom, space, certificates, refusals",
        "显示单一窗口的运行状况：服务、落后的消费方、等待事项及等待对象、空间、证书、拒绝",
    ),
    ("Show one declaration with its history", "显示一份清单及其历史"),
    (
        "Show one document's whole story: receipts, what it waits for, its bill, what to do next",
        "显示一份单证的全部经过：回执、等待事项、提运单、下一步",
    ),
    (
        "Show one order: where it stands, instructions, findings, decisions and history",
        "显示一份查验单：所处环节、布控指令、查验结果、决定与历史",
    ),
    ("Show one stuck item with what the service was given", "显示一件滞留件及服务收到的内容"),
    ("Show one tax bill with its lines", "显示一份税单及其各项"),
    (
        "Show one webhook",
        "查看一个推送",
    ),
    (
        "Show the credit of one firm: class, points, entries, and what changed and why",
        "显示一家企业的信用：等级、分值、记录及变动原因",
    ),
    (
        "Show the duty of one declaration: where it stands, and how it was computed",
        "显示一份清单的税款：状态与计税过程",
    ),
    (
        "Show the lines of a claim",
        "显示申报的明细",
    ),
    (
        "Show the time in the sandbox, or move it forward (deadlines of days and years can \
         be tried so)",
        "显示沙箱时间，或将其向前调整（可用于试验以天或年计的期限）",
    ),
    (
        "Show what an export is entitled to, by which rule, what is missing, and how the amount comes about",
        "显示出口明细的应退权益、适用规则、所缺凭证与计算过程",
    ),
    (
        "Show what changes between two days: numbers of the law, rows of the tariff, positions \
         of the list. Asks no window",
        "列出两个日期之间的变化：税率和限值、税则、清单。不连接单一窗口",
    ),
    (
        "Show which numbers of the law and rows of the tariff hold on a day, and by which law. \
         Asks no window",
        "列出某日适用的税率、限值和税则，及其依据。不连接单一窗口",
    ),
    (
        "Sign a message (CEB) with a firm's key: SM2 over SM3, or RSA over SHA-1",
        "用企业私钥签名报文（CEB）：SM2配SM3，或RSA配SHA-1",
    ),
    ("So many yuan are to be bought", "要得到的人民币金额（元）"),
    ("So much is to be sold, in the smallest unit of its currency", "要卖出的金额，以该币种最小单位计"),
    (
        "Something was found, by officers or by the laboratory. All of one command takes effect \
         together",
        "人员或实验室的查验发现；同一命令的各项一并生效",
    ),
    ("Source of the entry, as `inspect credit show` names it", "记录来源，见 inspect credit show"),
    (
        "Start everything on this machine, with simulated agencies, and show what happens",
        "在本机启动全部服务和模拟机关，并显示动态",
    ),
    (
        "Start the sandbox, start this, and connect your system to the address that it shows instead of the \
         window (HTTP, without TLS and without a key: this command calls as you). Each scenario says what to send \
         and under which order number; what comes of it is checked. The exit code is 0 when every scenario \
         passed, and 1 otherwise",
        "先启动沙箱，再启动本命令，并将企业系统连接到所示地址以代替单一窗口（HTTP，无需TLS和密钥：本命令以\
         您的身份调用）。每个场景说明发送什么、使用哪个订单编号，并核对结果。全部通过时退出码为0，否则为1",
    ),
    (
        "Start with `single-window sandbox`, then, in another terminal, `single-window submit \
         --wait docs/examples/import-9610.json`",
        "先运行 single-window sandbox，再在另一终端运行 single-window submit --wait \
         docs/examples/import-9610.json",
    ),
    (
        "Starts a window of its own in a temporary directory, with simulated agencies, and \
         files against it over streams and by unary calls. Everything is durable and over mutual \
         TLS",
        "在临时目录启动自己的窗口和模拟机关，以数据流和单次调用申报；全部持久保存，并使用双向TLS",
    ),
    (
        "Statements of the bank (camt.053, camt.054 or CSV), plain or .gz; `-` is standard input",
        "银行对账单（camt.053、camt.054或CSV），可为.gz；“-”为标准输入",
    ),
    ("Streams that carry them", "承载它们的数据流数"),
    (
        "Stuck items: what a service could not handle after a few tries and set aside",
        "滞留件：服务多次尝试仍无法处理而搁置的事项",
    ),
    (
        "Tables for people, JSON for programs; CSV for spreadsheets, where a command has rows",
        "table 供人阅读，json 供程序使用；csv 用于电子表格，仅限有列表的命令",
    ),
    (
        "Take a claim back before it is accepted. What it used is free",
        "在受理前撤回申报，所用数量随即释放",
    ),
    ("Take a declaration back before release", "放行前撤回清单"),
    ("Take a receipt off the exports that it was matched with", "撤销收汇与出口清单的匹配"),
    (
        "Take a line out of a claim. What it used is free",
        "从申报中剔除明细，所用数量随即释放",
    ),
    (
        "Take an order on as its site; officers are drawn by lot (双随机)",
        "以场地身份接单；人员随机抽取（双随机）",
    ),
    (
        "Take away as well what only the version before needs: no window of it may be left, and there is no way back to it",
        "同时去除仅前一版本所需的内容：前一版本须已全部停止，此后不能退回该版本",
    ),
    (
        "Takes *.xml and *.xml.gz (messages or DxpMsg envelopes) out of DIR once they are completely \
         written. What the window took goes to DIR/done; what it refused goes to DIR/failed, with \
         the reasons in a .txt (words) and a .json beside it. Receipts are written to DIR/receipts, \
         below a folder for each exchange number, one file each: DXPENT1/POSITION-CEB622-NUMBER.xml. \
         When a document has come to its end, a line says how, and where to read why. While the window \
         is away, files stay in DIR/.work and are sent when it is back. Write a file under another \
         name (a.xml.tmp) and rename it, or simply write it",
        "从DIR取走已写完的*.xml和*.xml.gz（报文或DxpMsg信封）。窗口受理的移至DIR/done；被拒绝的移\
         至DIR/failed，旁附原因.txt（文字）和.json。回执写入DIR/receipts下各交换编号自己的文件夹，\
         一份一个文件：DXPENT1/位置-CEB622-编号.xml。单证终结时另有一行说明结果及原因所在页面。窗\
         口不可用时文件留在DIR/.work，恢复后发送。可先以其他名称（a.xml.tmp）写入再改名，也可直接\
         写入",
    ),
    (
        "Takes the key (--key, PKCS#8 PEM, not encrypted) and its certificate (--cert, PEM) of \
         the firm. No window is asked. A message that goes into an envelope (DxpMsg) is signed \
         first",
        "使用企业的私钥（--key，PKCS#8 PEM，未加密）及其证书（--cert，PEM）。不连接窗口。要装入\
         信封（DxpMsg）的报文须先签名",
    ),
    (
        "Taxes of imports: compute and explain them, see the numbers of the law by their days. \
         Asks no window",
        "进口税：计算与说明，按日期查看税率和限值。不连接单一窗口",
    ),
    (
        "Tell all that is needed to recompute each draw, also of those that did not select, and \
         which rules were not in force",
        "列出复算每次抽签所需的全部数据，含未选中的，以及未生效的规则",
    ),
    ("Tell as the site what was done and found", "以场地身份报送查验经过与结果"),
    (
        "Tell the whole story of one parcel: who said what when, by which rule, which money, what is open",
        "一页讲清一票货物的全过程：何人何时所述、依据、资金及未办结事项",
    ),
    (
        "Tell what is declared of receipts to the balance of payments (国际收支申报), and what is missing",
        "列出收汇的国际收支申报内容及所缺信息",
    ),
    (
        "That window, host:port; where services run by themselves, the declaration service and after it the others, for \
         example declaration:7443,ceb=ceb:7443 [default: this one, as localhost]",
        "该窗口，主机:端口；服务单独运行时为申报服务，其后列出其他服务，例如 declaration:7443,ceb=ceb:7443 \
         [默认：本窗口，localhost]",
    ),
    (
        "The answer",
        "答复内容",
    ),
    ("The appeal failed", "申诉不成立"),
    ("The appeal succeeded: the entry does not count any more", "申诉成立：该记录不再计入"),
    (
        "The balance of an account now or at a time: of what counted until then and was known until then",
        "账户现在或某一时点的余额：截至该时点生效且已记录的分录",
    ),
    (
        "The books of this firm only (customs code) [default: all]",
        "仅该企业的账簿（海关编码）[默认：全部]",
    ),
    (
        "The bytes of documents that declarations name by their digest (随附单证)",
        "清单以摘要列明的随附单证文件",
    ),
    ("The certificate was taken back", "认证已撤销"),
    ("The certificate; only its digest is told", "证书；只报送其摘要"),
    ("The configuration file of a window: the flags of `serve`, in TOML", "单一窗口的配置文件：serve 的各项参数，TOML格式"),
    (
        "The configuration file; its keys are the flags of `serve`. Flags and the environment weigh more [default: /etc/single-window/config.toml, where there is one]",
        "配置文件，键名即 serve 的参数名；命令行参数和环境变量优先 [默认：/etc/single-window/config.toml（如存在）]",
    ),
    (
        "The contract lets the buyer pay until then, YYYY-MM-DD",
        "合同约定的最迟付款日期，YYYY-MM-DD",
    ),
    (
        "The day whose rules count [default: the day on which each was filed, in China]",
        "以哪一日的规则为准 [默认：各清单申报当日（中国）]",
    ),
    (
        "The declaration whose declarant they are kept for; sites and agencies say it",
        "文件所属申报企业的清单，查验场地和机关须给出",
    ),
    (
        "The directory that they are written to, each under its digest",
        "写入的目录，以摘要为文件名",
    ),
    (
        "The document of this type, for example 311 or CEB311",
        "该类型的单证，例如311或CEB311",
    ),
    (
        "The exchange number under which the messages were sent. With --order it may be left out: \
         then the numbers under which documents of the order are kept are read",
        "发送报文所用的交换编号。与--order同用时可省略：此时读取该订单在案单证所属的各编号",
    ),
    ("The exports, in the order in which they are filled", "出口清单，按核销先后排列"),
    (
        "The file",
        "文件",
    ),
    (
        "The file has a table for each, with the flags of its connection: [province], and below it endpoint, ca, cert and key; or data-dir and as for a sandbox. A context counts where no such flag is given",
        "文件中每个环境一个表，内容为其连接参数：如[province]，其下为endpoint、ca、cert、key；沙箱则为data-dir和as。未给出这类参数时环境生效",
    ),
    (
        "The file of data keys, when it is not in the data directory",
        "数据密钥文件，不在数据目录中时须指定",
    ),
    (
        "The file of keys that contents are encrypted with in the database; made in the data \
         directory when there is none. Every process of a window needs the same",
        "加密数据库内容的密钥文件；没有时在数据目录中生成。同一窗口的各进程须使用同一文件",
    ),
    (
        "The file of parities (人民币汇率中间价), a line a currency and day; docs/refund.md describes it. Without it every export of a producer in foreign currency says that its parity is missing",
        "人民币汇率中间价文件，每行一种货币和一天，格式见docs/refund.md；未给出时生产企业的外币出口明细提示缺少中间价",
    ),
    (
        "The file of refund rates (出口退税率文库), with its laws; docs/refund.md describes it. Without it every export says that its rate is missing",
        "退税率文件（出口退税率文库）及其法律依据，格式见docs/refund.md；未给出时各出口明细提示缺少退税率",
    ),
    (
        "The file that they are added to, one a line as JSON, made for its owner alone. It has personal \
         data in clear",
        "写入的文件，每行一份（JSON），仅所有者可读；其中含个人信息明文",
    ),
    (
        "The files are sent as they are, one after the other. A message that breaks the schema \
         is refused whole, with every fault. Documents are known by their guid, so the command \
         may be repeated",
        "文件按原样依次发送。不合规范的报文整份拒绝，并列出全部错误。单证以guid识别，命令可重复\
         执行",
    ),
    ("The folder", "文件夹"),
    (
        "The folder; what is in it already is written again",
        "文件夹；已有的文件将重写",
    ),
    ("The goods are there", "货物到场"),
    (
        "The goods were treated (除害处理); the agencies decide again",
        "货物已作除害处理，机关重新决定",
    ),
    (
        "The line",
        "明细序号",
    ),
    ("The message, plain or .gz; `-` is standard input", "报文，原文或.gz；- 为标准输入"),
    ("The messages themselves, one after the other", "依次输出报文原文"),
    (
        "The moment, RFC 3339, as 2026-11-29T17:20:00+08:00 [default: everything that the backup has]",
        "时刻，RFC 3339格式，如2026-11-29T17:20:00+08:00 [默认：备份中的全部内容]",
    ),
    (
        "The national door (CEB messages); needs --gateway-endpoint",
        "国家报文入口（CEB报文）；须给出--gateway-endpoint",
    ),
    (
        "The number of a document, for example invoice=INV-1: of the first of this kind, then of the next",
        "单证编号，如 invoice=INV-1：依次对应该类的各份单证",
    ),
    ("The officer, or the analyst of the laboratory", "人员，或实验室检验员"),
    ("The one day, as 2019-03-31", "第一个日期，如 2019-03-31"),
    ("The order to settle", "结汇指令编号"),
    ("The other day", "第二个日期"),
    ("The payment institution that brings its money is not listed (支付机构名录)", "为其带来款项的支付机构不在名录内"),
    ("The place, one of `inspect places`", "场地，见 inspect places"),
    (
        "The program that scans attachments for viruses, with its arguments: it gets the bytes on its standard input, and ends with 0 when they are clean and 1 when they are infected. For example `clamdscan --no-summary -`",
        "扫描随附单证病毒的程序及其参数：文件内容由标准输入给出，退出码0为未发现，1为发现病毒，例如 `clamdscan --no-summary -`",
    ),
    ("The quote", "报价编号"),
    ("The receipt", "收汇编号"),
    (
        "The request that is answered, where two agencies ask [default: the one that is open]",
        "所答复的补交要求，两个机关同时要求时须指明 [默认：待答复的一项]",
    ),
    ("The rule set (JSON); `-` is standard input", "规则集（JSON）；- 为标准输入"),
    (
        "The rule set (JSON); its version is one more than that of the last one. `-` is \
         standard input",
        "规则集（JSON），版本须为上一版加一；- 为标准输入",
    ),
    ("The same, for one that the firm may leave out", "同上，但企业可不提供"),
    ("The sample that the laboratory analysed", "实验室所检样品"),
    (
        "The steps of both ways, not only of the one that applies",
        "两种征税方式的步骤都列出，而不只是适用的一种",
    ),
    ("The treatment failed", "处理不合格"),
    ("The version that you saw [default: the current one]", "您所见的版本 [默认：当前版本]"),
    ("The whole new content (JSON); `-` is standard input", "变更后的完整内容（JSON），`-` 为标准输入"),
    (
        "The whole of it: JSON of the message Place, as `inspect places --output json` prints \
         it; `-` is standard input",
        "完整内容：Place消息的JSON，同 inspect places --output json 的输出；- 为标准输入",
    ),
    ("The window's certificate (PEM)", "窗口的证书（PEM）"),
    (
        "Those that ended so many days ago, with nothing since, for example 400d",
        "终结后已满此天数且其后再无变动的清单，例如400d",
    ),
    ("Those that ended, too", "包括已结束的"),
    (
        "Times from filing to release, with and without inspection, and shares, by port, mode \
         and credit class, of declarations that are over",
        "已终结清单从申报到放行的时间（查验与未查验）及占比，按口岸、监管方式和信用等级",
    ),
    ("Transaction code [default: that of mode and channel]", "交易编码[默认：按监管方式和渠道]"),
    (
        "Until when the firm may answer: YYYY-MM-DD (a day in China) or RFC 3339",
        "企业补交期限：YYYY-MM-DD（中国日期）或RFC 3339",
    ),
    (
        "Upload files: invoices, contracts, licences, photographs. What is there already is not kept twice, so the command may be repeated",
        "上传文件：发票、合同、许可证件、照片。已有的文件不重复保存，命令可重复执行",
    ),
    ("Use this one from now on; without a name none", "从现在起使用该环境；不给名称则不使用任何环境"),
    (
        "Verify the signatures of messages (CEB). The exit code is 0 when all are good",
        "验证报文（CEB）签名；全部有效时退出码为0",
    ),
    (
        "Wait until each one is released, rejected, withdrawn or returned; the exit code is 0 \
         when all are released",
        "等待每份清单放行、退单、撤单或退运；全部放行时退出码为0",
    ),
    (
        "Wait until every document is released, concluded or refused; the exit code is 0 when \
         none is refused",
        "等待每份单证放行、审结或被拒绝；无拒绝时退出码为0",
    ),
    (
        "Walk your own system through numbered scenarios, faults of transport included, and write a report",
        "让企业自己的系统走完编号场景（含传输故障），并生成报告（联调认证）",
    ),
    (
        "Watch a folder: send what is put there, and write the receipts beside it",
        "监视文件夹：发送放入的文件，回执写在旁边",
    ),
    (
        "Webhook service",
        "推送服务",
    ),
    (
        "Webhooks may be at private addresses, and without TLS",
        "允许推送地址为内部网络地址且不使用TLS",
    ),
    (
        "Webhooks: what happens is posted to an address, signed as Standard Webhooks has it",
        "推送（webhook）：将所发生的事项按Standard Webhooks签名后投递至指定地址",
    ),
    (
        "Webhooks: what happens is posted to callers; needs --webhook-service-endpoint",
        "推送：将所发生的事项投递给调用方；须给出--webhook-service-endpoint",
    ),
    (
        "What banks may keep of each receipt without a word, in main units of its currency",
        "每笔收款允许银行扣收而不另作说明的金额，以该币种主单位计",
    ),
    (
        "What differs is looked at again for so many seconds: one service may not have told another one yet",
        "差异在此秒数内复核：可能是服务之间尚未告知",
    ),
    (
        "What is about the database is told of all processes of the window, the rest of the one that answers. The exit code is 1 when something does not work now",
        "与数据库有关的内容涵盖单一窗口的全部进程，其余仅限应答进程。有功能失效时退出码为1",
    ),
    (
        "What is expected: CSV with the columns order_no, currency and amount, or a list of such \
         objects as JSON [default: the receipts and settlements of the window]",
        "应收款：含order_no、currency、amount列的CSV，或由此类对象组成的JSON列表 [默认：单一窗口的收汇与结汇]",
    ),
    (
        "What counted until then: YYYY-MM-DD (midnight in China) or RFC 3339 [default: now]",
        "截至该时点生效：YYYY-MM-DD（中国时间零点）或RFC 3339 [默认：现在]",
    ),
    ("What it is for", "用途"),
    ("What it is, as the number of the bank's booking", "说明，例如银行流水号"),
    (
        "What signs [default: a new one, which is shown]",
        "签名密钥 [默认：新生成并显示]",
    ),
    (
        "What it is: enterprise, agent, customs, quarantine, site, bank, tax-office, administrator, gateway, inspection-service, payment-service, refund-service or webhook-service",
        "类别：enterprise、agent、customs、quarantine、site、bank、tax-office、administrator、gateway、inspection-service、payment-service、refund-service 或 webhook-service",
    ),
    (
        "What the buyer bought this year so far, in yuan: tells what the year becomes",
        "订购人本年已购金额（元），用于说明年度累计",
    ),
    (
        "What to log, for example `info` or `declaration=debug` [default: warn, info for serve]",
        "日志内容，例如 info 或 declaration=debug [默认：warn，serve为info]",
    ),
    ("What was decided about the goods is done", "货物处置决定已执行"),
    ("What was sold [default: the goods of the export]", "所售商品[默认：出口清单的商品]"),
    (
        "When the window begins, one of `inspect windows`: 2026-11-26T09:00 (in China) or RFC \
         3339 [default: the next one that is free]",
        "时段开始时间，见 inspect windows：2026-11-26T09:00（中国）或RFC 3339 [默认：下一空闲时\
         段]",
    ),
    (
        "Where PostgreSQL's programs are, when not in the usual places",
        "PostgreSQL程序所在目录，不在常用位置时给出",
    ),
    (
        "Where messages are posted, for example https://example.com/hooks",
        "投递地址，例如https://example.com/hooks",
    ),
    ("Where backups are, on another disk or machine than the data directory", "备份目录，应与数据目录不在同一磁盘或机器"),
    ("Where the backups are", "备份所在目录"),
    ("Where the figures go", "测量结果写入何处"),
    (
        "Where the report is written (Markdown); the same as JSON beside it, with the ending .json",
        "报告文件（Markdown）；同名的.json文件为JSON格式",
    ),
    (
        "Where the sandbox keeps everything, and where the private PostgreSQL lives",
        "沙箱存放全部内容之处，也是自带PostgreSQL所在",
    ),
    (
        "Where this process finds the services: the declaration service, and after it the others with their names, for \
         example declaration:7443,ceb=ceb:7443,refund=refund:7443",
        "本进程在何处找到各服务：先是申报服务，其后以名称列出其他服务，例如 declaration:7443,ceb=ceb:7443,refund=refund:7443",
    ),
    (
        "Where to post, for example http://localhost:3000/hooks",
        "投递地址，例如http://localhost:3000/hooks",
    ),
    (
        "Where to serve gRPC, and national messages over HTTP",
        "gRPC服务地址，国家报文也由此经HTTP受理",
    ),
    (
        "Megabytes that must be free beside the private PostgreSQL. Below, firms do not file \
         (SW-1503); reading and verdicts go on",
        "内置PostgreSQL所在磁盘须保留的空间（MB）；低于此值时不受理企业申报（SW-1503），查询和审核回执\
         不受影响",
    ),
    (
        "Where to send traces: an OpenTelemetry collector (OTLP over gRPC), best on this machine, for example \
         http://127.0.0.1:4317",
        "链路数据（OTLP over gRPC）发往的OpenTelemetry采集器，宜在本机，例如 http://127.0.0.1:4317",
    ),
    ("Where to serve metrics for Prometheus", "Prometheus指标的服务地址"),
    (
        "Where to write the signed message; standard output when it is not given",
        "签名后的报文写入何处；不给出时为标准输出",
    ),
    ("Where your system connects; an address of this machine", "企业系统连接的地址，须为本机地址"),
    ("Where; made when it is not there", "目录；不存在则创建"),
    ("Which caller", "哪个调用方"),
    (
        "Which instruction it answers, customs/ID or quarantine/ID; may be given several times \
         [default: that of the sample, or every one that has no final result yet]",
        "答复哪条布控指令，customs/编号 或 quarantine/编号；可多次给出 [默认：样品所属的，或全部\
         尚无最终结果的]",
    ),
    (
        "Which line of goods [default: that of the sample, or the consignment]",
        "哪项商品 [默认：样品所属的，或整批]",
    ),
    ("Which one", "哪一个"),
    ("Which shell", "哪一种shell"),
    ("Which version [default: the newest that was assessed]", "哪个版本 [默认：最近评估的版本]"),
    ("Who calls, among the callers of the sandbox", "以沙箱中的哪个调用方身份"),
    ("Who cannot come", "何人不能到场"),
    (
        "Who may call the window: the registry, which it takes over while it serves",
        "谁可以调用单一窗口：登记表，运行中的单一窗口会自动采用",
    ),
    ("Who took it", "何人取样"),
    ("Who, one of those who were drawn", "何人，须为被抽中者之一"),
    (
        "Whose (customs code) [default: all that you see]",
        "哪个企业的（海关编码）[默认：您可见的全部]",
    ),
    ("Whose (customs code) [default: your own]", "哪个企业的（海关编码）[默认：本企业]"),
    ("Whose tax it is (customs code) [default: all that you see]", "哪个企业的税款（海关编码）[默认：您可见的全部]"),
    ("Whose: customs or quarantine", "所属机关：customs或quarantine"),
    (
        "Why there is none, for example contract=\"the order stands for it\"",
        "无此单证的原因，如 contract=\"以订单代替\"",
    ),
    ("Why; it is kept and the agencies read it", "原因；将予保存，机关可见"),
    ("Why; it is kept with the change", "原因；随变动一并保存"),
    (
        "Windows that you work with, by name: ~/.config/single-window/contexts.toml",
        "按名称管理所用的单一窗口（环境）：~/.config/single-window/contexts.toml",
    ),
    (
        "Write a claim with its evidence into a folder: lines and evidence as CSV, the claim as XML, documents by digest",
        "将一份申报及其凭证清单写入文件夹：明细与凭证为CSV，申报为XML，单证按摘要命名",
    ),
    ("Write a manual page for each command into a directory", "将各命令的手册页写入目录"),
    (
        "Write down proofs of an export: all its lines",
        "登记出口凭证，适用于该清单全部明细",
    ),
    (
        "YYYY-MM",
        "YYYY-MM",
    ),
    ("Your API key (swk_…), instead of --cert and --key", "您的接口密钥（swk_…），代替--cert、--key"),
    ("Your certificate (PEM)", "您的证书（PEM）"),
    (
        "`tax explain` computes the same from the numbers of this program, and asks no window. The exit code is 1 when something is missing, or when customs would refuse the order",
        "tax explain 按本程序自带的税率计算同样内容，不访问单一窗口。缺少计税所需内容或海关会退单时退出码为1",
    ),
    (
        "bank-documents, bank-transactions or institution",
        "bank-documents（银行审单）、bank-transactions（银行凭交易电子信息）或institution（支付机构）",
    ),
    ("customs or quarantine [default: both]", "customs或quarantine [默认：两者]"),
    ("customs/ID or quarantine/ID", "customs/编号 或 quarantine/编号"),
    (
        "declarations/{uuid}, its UUID, or declarations/{uuid}/lines/{n}",
        "declarations/{uuid}、其UUID，或declarations/{uuid}/lines/{n}",
    ),
    ("awaited, back, lapsed or late [default: all]", "awaited（待退回）、back（已退回）、lapsed（逾期未退回）、late（逾期退回） [默认：全部]"),
    ("declarations/{uuid}, or the UUID", "declarations/{uuid} 或UUID"),
    (
        "draft, submitted, form-refused, under-review or withdrawn [default: all]",
        "draft（草稿）、submitted（已申报）、form-refused（不予受理）、under-review（审核中）或withdrawn（已撤回） [默认：全部]",
    ),
    ("guid of the application (CEB625), as `pay returns` shows it", "退货申请（CEB625）的guid，见 pay returns"),
    (
        "guarantee, duty-payable, duty-paid, settlement or revenue",
        "guarantee（担保）、duty-payable（应缴）、duty-paid（已缴）、settlement（结算）或revenue（国库）",
    ),
    (
        "made-out, collected or void [default: all]",
        "made-out（已生成）、collected（已汇总）或void（作废）[默认：全部]",
    ),
    ("manual or machine", "manual（人工）或machine（机检）"),
    (
        "manual or machine [default: by hand when that has begun]",
        "manual（人工）或machine（机检） [默认：人工查验已开始则为人工]",
    ),
    (
        "A release needs --clear of both. In the sandbox, start it with --no-agencies, or the simulated agencies are faster",
        "放行需要两个机关都 --clear。沙箱须以 --no-agencies 启动，否则模拟机关先作出决定",
    ),
    (
        "Calendar year in China [default: this one]",
        "公历年度（北京时间）[默认：本年]",
    ),
    (
        "Code of the reason, or of the instruction with --inspect [default: 500, DOC or 700]",
        "原因代码；与 --inspect 同用时为布控指令代码 [默认：500、DOC 或 700]",
    ),
    (
        "Examination of the data concluded (审结, 399)",
        "审结（399）",
    ),
    (
        "Give an agency's verdict on a declaration, as the agency: --as customs or --as quarantine",
        "以机关身份对清单作出决定：--as customs 或 --as quarantine",
    ),
    (
        "Goods detained, 501 to 599 (扣留)",
        "扣留货物，代码501至599",
    ),
    (
        "Goods go back abroad (退运, 700)",
        "退运（700）",
    ),
    (
        "Held until documents arrive (待补单证)",
        "待补单证",
    ),
    (
        "Identity number; `-` reads it from standard input, so that it stands in no history",
        "身份证号；- 表示从标准输入读取，以免留在命令历史中",
    ),
    (
        "List goods of imports that may come back (进口退货): what was applied for (CEB625), what the site counted, until when",
        "列出进口退货：申请的数量（CEB625）、监管场所理货的数量和期限",
    ),
    (
        "List payment orders (缴款书): bills of a firm that are paid together, from day 31 to 45 after the release",
        "列出缴款书：企业在放行后第31至45日合并缴款的税单",
    ),
    (
        "No objection; when both agencies say so there is one release (放行)",
        "同意放行；两个机关都同意时放行一次",
    ),
    (
        "LINE=QUANTITY of what came this time [default: everything that is missing]",
        "本次退回的 项号=数量 [默认：全部未退回的]",
    ),
    (
        "Number of the payment order (entDutyNo)",
        "缴款书编号（entDutyNo）",
    ),
    (
        "Only check it",
        "仅校验",
    ),
    (
        "Of this declaration: declarations/{uuid}, or the UUID [default: all that you see]",
        "该清单的退货：declarations/{uuid} 或UUID [默认：有权查看的全部]",
    ),
    (
        "Only those of which something is not there yet",
        "仅列尚未全部退回的",
    ),
    (
        "Only those that are not paid",
        "仅列未缴款的",
    ),
    (
        "Returned to the enterprise with this code (退单, 100)",
        "退单（100），须给出代码",
    ),
    (
        "Say that goods of an import are back at the site, and were counted: by the site, or the operator",
        "登记进口退货已退回监管场所并理货：由监管场所或运营方操作",
    ),
    (
        "Say that the bank paid a payment order: by the operator; in a sandbox by the firm itself",
        "登记缴款书已由银行缴款：由运营方操作，沙箱中由企业自行操作",
    ),
    (
        "Show what a person bought this year (年度限额): a firm sees its own sales to that person, customs and the operator the year",
        "显示某人本年度的购买额：企业只见自己对其的销售，海关和运营方可见全年",
    ),
    (
        "Somebody reviews it (人工审核, 300)",
        "人工审核（300）",
    ),
    (
        "Taken into the database (入库, 120)",
        "入库（120）",
    ),
    (
        "The round of review that it is about",
        "所针对的审核轮次",
    ),
    (
        "The version that it is about, when the window does not tell us its events [default: the newest]",
        "所针对的版本；仅在无法从单一窗口取得事件时需要 [默认：最新版本]",
    ),
    (
        "Wants to look at the goods (查验, 500)",
        "要求查验（500）",
    ),
    (
        "Why, for the enterprise; what to look at, with --inspect",
        "告知企业的原因；与 --inspect 同用时为查验内容",
    ),
    ("YYYY-MM-DD (midnight in China) or RFC 3339", "YYYY-MM-DD（中国时间零点）或RFC 3339"),
    (
        "open, queried, dropped, refused, approved, paid, settled, recovering or recovered [default: all]",
        "open（待审）、queried（疑点）、dropped（已剔除）、refused（不予退税）、approved（已核准）、paid（已退税）、settled（已核算）、recovering（追回中）或recovered（已追回） [默认：全部]",
    ),
    (
        "pending, genuine, unknown, differs, void or red-lettered [default: all]",
        "pending（待核验）、genuine（相符）、unknown（查无此票）、differs（不一致）、void（作废）或red-lettered（已红冲） [默认：全部]",
    ),
    (
        "refunds/{firm}-{YYYYMM}-{batch}",
        "refunds/{企业}-{YYYYMM}-{批次}",
    ),
    (
        "to-recover, claimable, waiting, not-refunded or done [default: all]",
        "to-recover（应追回）、claimable（可申报）、waiting（待补齐）、not-refunded（不退税）或done（已办结） [默认：全部]",
    ),
    (
        "unassessed, short, secured, over-limit, ended or billed [default: all]",
        "unassessed（无法计税）、short（担保不足）、secured（已担保）、over-limit（超过限额）、ended（已终结）或billed（已出税单）[默认：全部]",
    ),
    ("unmatched, matched, reversed or owed", "unmatched（未匹配）、matched（已匹配）、reversed（已冲回）或owed（应付银行）"),
];
