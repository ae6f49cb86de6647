//! Every business "no", numbered. A code is a promise: it never changes its meaning, and each has a
//! page in `docs/errors/`.

use std::fmt;

/// Who has to act on a refusal. One table in `proto::status` turns this into a gRPC code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Responsibility {
    /// The message has to be changed.
    FixMessage,
    /// The state says no.
    StateForbids,
    /// The same id or key exists with other content.
    Exists,
    /// There is no such thing for this caller.
    NotFound,
    /// The caller may not do this.
    Forbidden,
    /// The caller is not known.
    Unknown,
    /// The caller has to slow down.
    SlowDown,
    /// The caller's copy is old: read again and repeat.
    ReadAgain,
    /// The window is not there for a moment: repeat with the same request id.
    Later,
    /// A bug of ours.
    Ours,
    /// Nobody: it is told, and the declaration goes on.
    Nobody,
    /// The operator of the window, at start.
    Operator,
}

/// The numbered refusals, violations, warnings and start-up errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each has a title below and a page in docs/errors")]
pub enum Code {
    Invalid,
    RequestIdMissing,
    NameMalformed,
    PageTokenForeign,
    ResumeTokenMalformed,
    FrameUnexpected,
    MessageMalformed,
    TooManyEntries,
    RequestIncomplete,
    RequestIdReused,
    BusinessKeyTaken,
    IdentityChanged,
    OrderDeclared,
    NotFound,
    VersionMismatch,
    AlreadyReleased,
    AlreadyEnded,
    InspectionOpen,
    GoodsDetained,
    NoOpenInspection,
    InstructionUnanswered,
    NeverSent,
    StaleVersion,
    StaleRound,
    StaleEpoch,
    AttachmentNotHere,
    NoDocumentRequest,
    IdentityMissing,
    CertificateUnknown,
    NotAllowed,
    NotYourAgency,
    DeclarantForeign,
    ExchangeNumberForeign,
    KeyRefused,
    KeyMadeByKey,
    KeyReadsOnly,
    Overloaded,
    NumbersUsedUp,
    QuotaUsedUp,
    MemoryUsedUp,
    AttachmentsUsedUp,
    Unavailable,
    StorageFull,
    SpaceShort,
    InspectionOutOfStep,
    AlreadyReported,
    OrderTaken,
    OfficerNotAssigned,
    OfficerConflict,
    InstructionUnknown,
    SampleUnknown,
    DisposalUnfounded,
    DisposalGiven,
    NotInInspectionOrder,
    ObjectionUsed,
    AttendanceNeeded,
    WrongTime,
    ChoiceUsedUp,
    NoSuchWindow,
    WindowFull,
    OrderTooLarge,
    CreditEntryUnknown,
    AppealUsed,
    PlaceUnknown,
    RuleSetRefused,
    OfficersMissing,
    GuaranteeShort,
    TotalTooLarge,
    DutyNotComputable,
    DutyOrderPaid,
    ReturnEnded,
    QuoteExpired,
    ForexRuleBroken,
    ReceiptOutOfStep,
    ForexShort,
    MatchRefused,
    PaymentsIncomplete,
    InvoiceWrong,
    InvoiceDifferent,
    ClaimOutOfStep,
    ClaimOvertaken,
    ClaimAmountWrong,
    TermsBound,
    Internal,
    Required,
    TooLong,
    WrongLength,
    BadCharacter,
    CodeUnknown,
    NumberOutOfRange,
    ModeWrongWay,
    DirectionUnclear,
    LinePriceWrong,
    OrderSumWrong,
    QuantityMismatch,
    LineNumbersBroken,
    TooManyLines,
    WeightWrong,
    CurrencyWrong,
    PackagesWrong,
    GuarantorWrong,
    BondedDataMissing,
    VoyageDataMissing,
    SingleLimitExceeded,
    DateWrong,
    BuyerIdWrong,
    TransportUnusual,
    DigestWrong,
    ScriptOutsideSandbox,
    ReasonMissing,
    PartyCodeWrong,
    CountWrong,
    AttachmentDifferent,
    AttachmentKindRefused,
    AttachmentInfected,
    AttachmentSizeWrong,
    DocumentRequestWrong,
    DocumentAnswerWrong,
    XmlMalformed,
    XmlEncoding,
    XmlTooLarge,
    XmlForbidden,
    XmlTooDeep,
    XmlElementUnexpected,
    XmlTransferBlock,
    XmlTypeUnsupported,
    XmlTooManyDocuments,
    XmlValueUnreadable,
    JsonMalformed,
    BankSumWrong,
    WebhookUnfit,
    DataDirectoryInUse,
    PortInUse,
    PostgresMissing,
    PostgresUnsafe,
    PostgresFailed,
    ConnectionFailed,
    FileUnreadable,
    FileExposed,
    NotASandbox,
    DataKeyMissing,
}

impl Code {
    /// Every code, in the order of its number.
    #[rustfmt::skip]
    pub const ALL: [Self; 141] = {
        use Code::*;
        [
            Invalid, RequestIdMissing, NameMalformed, PageTokenForeign, ResumeTokenMalformed,
            FrameUnexpected, MessageMalformed, TooManyEntries, RequestIncomplete, RequestIdReused, BusinessKeyTaken, IdentityChanged, OrderDeclared, NotFound,
            VersionMismatch, AlreadyReleased, AlreadyEnded, InspectionOpen, GoodsDetained,
            NoOpenInspection, InstructionUnanswered, NeverSent, StaleVersion, StaleRound,
            StaleEpoch, AttachmentNotHere, NoDocumentRequest, IdentityMissing, CertificateUnknown, NotAllowed, NotYourAgency,
            DeclarantForeign, ExchangeNumberForeign, KeyRefused, KeyMadeByKey, KeyReadsOnly, Overloaded, NumbersUsedUp, QuotaUsedUp, MemoryUsedUp, AttachmentsUsedUp, Unavailable,
            StorageFull, SpaceShort, InspectionOutOfStep, AlreadyReported, OrderTaken, OfficerNotAssigned,
            OfficerConflict, InstructionUnknown, SampleUnknown, DisposalUnfounded, DisposalGiven,
            NotInInspectionOrder, ObjectionUsed, AttendanceNeeded, WrongTime, ChoiceUsedUp,
            NoSuchWindow, WindowFull, OrderTooLarge, CreditEntryUnknown, AppealUsed, PlaceUnknown,
            RuleSetRefused, OfficersMissing, GuaranteeShort, TotalTooLarge, DutyNotComputable, DutyOrderPaid, ReturnEnded, QuoteExpired, ForexRuleBroken, ReceiptOutOfStep, ForexShort, MatchRefused, PaymentsIncomplete, InvoiceWrong, InvoiceDifferent, ClaimOutOfStep, ClaimOvertaken, ClaimAmountWrong, TermsBound, Internal, Required, TooLong, WrongLength, BadCharacter,
            CodeUnknown, NumberOutOfRange, ModeWrongWay, DirectionUnclear, LinePriceWrong,
            OrderSumWrong, QuantityMismatch, LineNumbersBroken, TooManyLines, WeightWrong,
            CurrencyWrong, PackagesWrong, GuarantorWrong, BondedDataMissing, VoyageDataMissing,
            SingleLimitExceeded, DateWrong, BuyerIdWrong, TransportUnusual, DigestWrong,
            ScriptOutsideSandbox, ReasonMissing, PartyCodeWrong, CountWrong, AttachmentDifferent, AttachmentKindRefused, AttachmentInfected, AttachmentSizeWrong, DocumentRequestWrong, DocumentAnswerWrong, XmlMalformed, XmlEncoding,
            XmlTooLarge, XmlForbidden, XmlTooDeep, XmlElementUnexpected, XmlTransferBlock,
            XmlTypeUnsupported, XmlTooManyDocuments, XmlValueUnreadable, JsonMalformed, BankSumWrong,
            WebhookUnfit, DataDirectoryInUse, PortInUse,
            PostgresMissing, PostgresUnsafe, PostgresFailed, ConnectionFailed, FileUnreadable,
            FileExposed, NotASandbox, DataKeyMissing,
        ]
    };

    /// Number, who acts, and what happened in English and Chinese.
    #[rustfmt::skip]
    fn entry(self) -> (&'static str, Responsibility, &'static str, &'static str) {
        use Responsibility::*;
        match self {
            Self::Invalid => ("SW-1001", FixMessage, "rules are broken; every broken rule is listed", "申报数据不符合规则，见逐项说明"),
            Self::RequestIdMissing => ("SW-1002", FixMessage, "request_id must be a UUID that the caller made and keeps", "request_id 须为由调用方生成并保存的 UUID"),
            Self::NameMalformed => ("SW-1003", FixMessage, "name must look like declarations/{uuid}", "name 格式应为 declarations/{uuid}"),
            Self::PageTokenForeign => ("SW-1004", FixMessage, "page_token does not belong to this caller and these filters; start again without it", "page_token 与本调用方或本查询条件不符，请从第一页重新查询"),
            Self::ResumeTokenMalformed => ("SW-1005", FixMessage, "resume_token was not made for this caller and this watch; use one from an earlier answer, unchanged", "resume_token 与本调用方或本订阅不符，请原样使用以前收到的值"),
            Self::FrameUnexpected => ("SW-1006", FixMessage, "this frame does not fit here on the stream", "数据流中此处不应出现该帧"),
            Self::MessageMalformed => ("SW-1007", FixMessage, "the bytes are no message of this schema", "数据不是符合接口定义的消息"),
            Self::TooManyEntries => ("SW-1008", FixMessage, "a list in the message has too many entries", "消息中列表项过多"),
            Self::RequestIncomplete => ("SW-1009", FixMessage, "the request did not come whole, or more came than belongs to it", "请求未完整到达，或含有多余内容"),
            Self::RequestIdReused => ("SW-1101", Exists, "this request_id was used before with other content", "该 request_id 已用于其他内容"),
            Self::BusinessKeyTaken => ("SW-1102", Exists, "a declaration with this business key exists", "业务主键重复，清单已存在"),
            Self::IdentityChanged => ("SW-1103", FixMessage, "an amendment keeps direction, declarant, e-commerce firm, order number and own number", "变更不得改变进出口标记、申报企业、电商企业、订单编号和企业内部编号"),
            Self::OrderDeclared => ("SW-1104", Exists, "this order of the seller is declared already, by another declarant", "该电商企业的该订单已由其他申报企业申报"),
            Self::NotFound => ("SW-1201", NotFound, "there is nothing of this name for this caller", "未找到该编号对应的内容"),
            Self::VersionMismatch => ("SW-1202", ReadAgain, "it has another version by now; read it again", "版本已变化，请重新读取"),
            Self::AlreadyReleased => ("SW-1203", StateForbids, "the declaration is released; nothing changes any more", "清单已放行，不能再更改"),
            Self::AlreadyEnded => ("SW-1204", StateForbids, "the declaration has ended (rejected, withdrawn or returned)", "清单已终结（退单、撤单或退运）"),
            Self::InspectionOpen => ("SW-1205", StateForbids, "the joint inspection is open; wait for its findings", "联合查验尚未完成，请等待查验结果"),
            Self::GoodsDetained => ("SW-1206", StateForbids, "the goods are detained; only the agency that detained them can go on", "货物已被扣留，须由扣留机关处理"),
            Self::NoOpenInspection => ("SW-1207", StateForbids, "no inspection is open for this declaration", "该清单没有未完成的查验"),
            Self::InstructionUnanswered => ("SW-1208", FixMessage, "every agency that instructed needs at least one finding", "每个布控机关的指令都须有查验结果"),
            Self::NeverSent => ("SW-1209", FixMessage, "this version and round was never sent to an agency", "该版本或轮次从未发送"),
            Self::StaleVersion => ("SW-1210", ReadAgain, "the verdict is for an older version and void", "回执针对旧版本，无效"),
            Self::StaleRound => ("SW-1211", ReadAgain, "the verdict is for an older round of review and void", "回执针对旧轮次，无效"),
            Self::StaleEpoch => ("SW-1212", ReadAgain, "another consumer serves these slots now; connect again", "该数据槽已由其他消费者接管，请重新连接"),
            Self::AttachmentNotHere => ("SW-1213", NotFound, "the declaration names this attachment; its bytes have not come yet", "清单已列明该随附单证，但尚未上传文件"),
            Self::NoDocumentRequest => ("SW-1214", StateForbids, "no request for these documents is open", "没有待答复的补交单证要求"),
            Self::IdentityMissing => ("SW-1301", Unknown, "a client certificate or a key is required", "需要客户端证书或接口密钥"),
            Self::CertificateUnknown => ("SW-1302", Unknown, "the certificate is not in the registry", "证书未登记"),
            Self::NotAllowed => ("SW-1303", Forbidden, "this kind of caller may not do this", "该类用户无权执行此操作"),
            Self::NotYourAgency => ("SW-1304", Forbidden, "the certificate belongs to another agency", "证书属于其他机关"),
            Self::DeclarantForeign => ("SW-1305", Forbidden, "the caller may not file for this declarant", "无权代该申报企业申报"),
            Self::ExchangeNumberForeign => ("SW-1306", Forbidden, "the caller does not hold this number of the exchange platform (dxpId)", "无权使用该交换平台用户编号（dxpId）"),
            Self::KeyRefused => ("SW-1307", Unknown, "the key is unknown, has ended, or is another caller's than its connection", "接口密钥不存在、已失效，或与该连接的调用方不符"),
            Self::KeyMadeByKey => ("SW-1308", Forbidden, "a key makes no other keys; do it with the certificate", "接口密钥不能再生成密钥，请使用客户端证书办理"),
            Self::KeyReadsOnly => ("SW-1309", Forbidden, "this key only reads", "该接口密钥仅限查询"),
            Self::Overloaded => ("SW-1401", SlowDown, "too much is waiting; slow down and repeat", "系统繁忙，请放慢后重试"),
            Self::NumbersUsedUp => ("SW-1402", SlowDown, "the numbers of the period for this group of declarants are used up", "本期编号已用完"),
            Self::QuotaUsedUp => ("SW-1403", SlowDown, "this caller has too much open at once; finish some of it and repeat", "该调用方同时占用过多，请完成部分后重试"),
            Self::MemoryUsedUp => ("SW-1404", SlowDown, "too many bytes are on their way; read the answers that wait, and repeat", "在途数据过多，请先读取待收的应答后重试"),
            Self::AttachmentsUsedUp => ("SW-1405", SlowDown, "so many bytes of attachments were kept for this declarant today; the rest is for tomorrow", "该申报企业今日上传的随附单证已达上限，请次日再上传"),
            Self::Unavailable => ("SW-1501", Later, "the window cannot answer now; repeat with the same request_id", "服务暂不可用，请用相同 request_id 重试"),
            Self::StorageFull => ("SW-1502", Later, "the storage is full; nothing was accepted", "存储空间已满，未受理"),
            Self::SpaceShort => ("SW-1503", Later, "space runs short: nothing is filed until there is more; reading goes on", "存储空间不足，暂不受理申报，查询不受影响"),
            Self::InspectionOutOfStep => ("SW-1601", StateForbids, "the inspection order is not at this step", "查验单不在该环节"),
            Self::AlreadyReported => ("SW-1602", Exists, "this was reported before with other content", "此前已报送不同内容"),
            Self::OrderTaken => ("SW-1603", ReadAgain, "somebody else was first: another appointment, other officers or another site; read the order again", "查验单已有其他预约、查验人员或查验场地，请重新读取"),
            Self::OfficerNotAssigned => ("SW-1604", Forbidden, "the officer is not assigned to this examination", "该人员未被派往本次查验"),
            Self::OfficerConflict => ("SW-1605", Forbidden, "the officer may not take part in this examination", "该人员须回避本次查验"),
            Self::InstructionUnknown => ("SW-1606", NotFound, "no agency gave this instruction", "没有该布控指令"),
            Self::SampleUnknown => ("SW-1607", NotFound, "this sample was not taken or not sent to a laboratory", "该样品未取样或未送检"),
            Self::DisposalUnfounded => ("SW-1608", StateForbids, "the findings do not carry this disposal", "查验结果不支持该处置"),
            Self::DisposalGiven => ("SW-1609", StateForbids, "the disposal was given; only an agency's own detention can be lifted", "处置已作出，仅可解除本机关的扣留"),
            Self::NotInInspectionOrder => ("SW-1610", StateForbids, "this agency has no instruction in this order", "该机关在本查验单中没有布控指令"),
            Self::ObjectionUsed => ("SW-1611", StateForbids, "a second examination was held; there is no third", "已复验一次，不再复验"),
            Self::AttendanceNeeded => ("SW-1612", StateForbids, "the declarant must be there", "申报企业须到场"),
            Self::WrongTime => ("SW-1613", StateForbids, "too late or too soon", "时间过晚或过早"),
            Self::ChoiceUsedUp => ("SW-1614", StateForbids, "the enterprise cannot choose the time any more", "企业不能再选择查验时间"),
            Self::NoSuchWindow => ("SW-1615", FixMessage, "the place has no such window", "查验场地没有该时段"),
            Self::WindowFull => ("SW-1616", StateForbids, "the window is fully booked", "该时段已约满"),
            Self::OrderTooLarge => ("SW-1617", FixMessage, "more than one order may have", "超过单份查验单的数量上限"),
            Self::CreditEntryUnknown => ("SW-1618", NotFound, "there is no such credit entry", "没有该信用记录"),
            Self::AppealUsed => ("SW-1619", StateForbids, "the entry was appealed against before, or is over", "该记录已申诉过或已失效"),
            Self::PlaceUnknown => ("SW-1620", NotFound, "there is no such examination place", "没有该查验场地"),
            Self::RuleSetRefused => ("SW-1621", FixMessage, "the rule set has problems; it is not put in force", "规则集存在问题，未生效"),
            Self::OfficersMissing => ("SW-1622", StateForbids, "not enough officers without a conflict", "可派查验人员不足"),
            Self::GuaranteeShort => ("SW-1702", StateForbids, "the guarantee of who stands for the tax has too little", "担保企业可用担保余额不足"),
            Self::TotalTooLarge => ("SW-1714", StateForbids, "a total of the account would become too large", "账户累计金额超出范围"),
            Self::DutyNotComputable => ("SW-1715", FixMessage, "the tax cannot be computed from what was declared", "依申报内容无法计税"),
            Self::DutyOrderPaid => ("SW-1716", StateForbids, "the payment order was paid before", "该缴款书已缴款"),
            Self::ReturnEnded => ("SW-1717", StateForbids, "nothing more of these goods is awaited", "该退货已办结，不再待退"),
            Self::QuoteExpired => ("SW-1731", StateForbids, "the quote does not bind any more; there is a fresh one", "报价已失效，已提供新报价"),
            Self::ForexRuleBroken => ("SW-1732", StateForbids, "a rule of SAFE does not allow it", "不符合外汇管理规定"),
            Self::ReceiptOutOfStep => ("SW-1733", StateForbids, "the receipt is not at this step", "该笔收汇不在该环节"),
            Self::ForexShort => ("SW-1734", StateForbids, "so much of the receipt is not there any more", "该笔收汇可用余额不足"),
            Self::MatchRefused => ("SW-1735", FixMessage, "the receipt cannot pay these exports", "该笔收汇不能核销所列清单"),
            Self::PaymentsIncomplete => ("SW-1736", FixMessage, "something is missing for the balance of payments", "国际收支申报信息不完整"),
            Self::InvoiceWrong => ("SW-1801", FixMessage, "the invoice cannot be registered like this", "发票不能按此登记"),
            Self::InvoiceDifferent => ("SW-1802", Exists, "this invoice is registered already, with other content", "该发票已登记，且内容不同"),
            Self::ClaimOutOfStep => ("SW-1803", StateForbids, "the claim or its line does not stand where this could happen", "申报或明细的当前状态不允许此操作"),
            Self::ClaimOvertaken => ("SW-1804", ReadAgain, "this is about another round or query than the present one", "所指的申报轮次或疑点不是当前的"),
            Self::ClaimAmountWrong => ("SW-1805", FixMessage, "the amount or number of a decision does not fit what was claimed, approved or paid", "决定中的金额或编号与已申报、已核准或已退的不符"),
            Self::TermsBound => ("SW-1806", StateForbids, "how the firm gets its refunds cannot be changed from that day on", "该企业的退税登记不能自该日起变更"),
            Self::Internal => ("SW-1901", Ours, "something went wrong on our side", "系统内部错误"),
            Self::Required => ("SW-2001", FixMessage, "a required field is empty", "必填项为空"),
            Self::TooLong => ("SW-2002", FixMessage, "a field is too long", "字段超长"),
            Self::WrongLength => ("SW-2003", FixMessage, "a field must have an exact length", "字段长度不符"),
            Self::BadCharacter => ("SW-2004", FixMessage, "a field has a character that is not allowed", "字段含有不允许的字符"),
            Self::CodeUnknown => ("SW-2005", FixMessage, "a code is not in its table", "代码不在参数表中"),
            Self::NumberOutOfRange => ("SW-2006", FixMessage, "a number is out of range", "数值超出范围"),
            Self::ModeWrongWay => ("SW-2007", FixMessage, "the supervision mode does not exist in this direction", "监管方式与进出口方向不符"),
            Self::DirectionUnclear => ("SW-2008", FixMessage, "the direction is not said, or contradicts the message type", "进出口标记缺失或与报文类型矛盾"),
            Self::LinePriceWrong => ("SW-2009", FixMessage, "the price of a line is not price times quantity", "商品总价不等于单价乘以数量"),
            Self::OrderSumWrong => ("SW-2010", FixMessage, "the sums of the order do not add up", "订单金额不平衡"),
            Self::QuantityMismatch => ("SW-2011", FixMessage, "declared and statutory quantities contradict each other", "申报数量与法定数量矛盾"),
            Self::LineNumbersBroken => ("SW-2012", FixMessage, "lines must be numbered 1, 2, 3 without gaps", "商品序号须从1开始连续"),
            Self::TooManyLines => ("SW-2013", FixMessage, "no lines, or too many", "商品项数为零或超限"),
            Self::WeightWrong => ("SW-2014", FixMessage, "weights must be above zero, gross not below net", "毛重、净重须大于零且毛重不小于净重"),
            Self::CurrencyWrong => ("SW-2015", FixMessage, "imports are declared in CNY (142)", "进口清单币制须为人民币（142）"),
            Self::PackagesWrong => ("SW-2016", FixMessage, "an import inventory has exactly one package", "进口清单件数限定为1"),
            Self::GuarantorWrong => ("SW-2017", FixMessage, "the guarantor must be the declarant, the e-commerce firm or the logistics firm", "担保企业须为申报企业、电商企业或物流企业"),
            Self::BondedDataMissing => ("SW-2018", FixMessage, "bonded trade (1210) needs ledger, ledger item and warehouse", "保税模式须填账册编号、账册备案料号和区内企业"),
            Self::VoyageDataMissing => ("SW-2019", FixMessage, "direct-purchase import (9610) needs vehicle, voyage and bill of lading", "直购进口须填运输工具编号、航班航次号和提运单号"),
            Self::SingleLimitExceeded => ("SW-2020", FixMessage, "the value is above the single limit of CNY 5,000", "超过单次交易限值人民币5000元"),
            Self::DateWrong => ("SW-2021", FixMessage, "a date must be a real day as YYYYMMDD", "日期须为有效的YYYYMMDD"),
            Self::BuyerIdWrong => ("SW-2022", FixMessage, "the identity number is none by GB 11643", "身份证号码不符合GB 11643"),
            Self::TransportUnusual => ("SW-2023", Nobody, "this way of transport is unusual for this mode", "运输方式与监管方式组合不常见"),
            Self::DigestWrong => ("SW-2024", FixMessage, "a digest must be a SHA-256 of 32 bytes", "摘要须为32字节的SHA-256"),
            Self::ScriptOutsideSandbox => ("SW-2025", FixMessage, "order numbers that script the sandbox are refused outside of it", "沙箱专用订单编号不能在正式环境使用"),
            Self::ReasonMissing => ("SW-2026", FixMessage, "a reason is required", "须填写原因"),
            Self::PartyCodeWrong => ("SW-2027", FixMessage, "a firm's code must have 10 or 18 letters and digits", "企业代码须为10位海关编码或18位统一社会信用代码"),
            Self::CountWrong => ("SW-2028", FixMessage, "so much of the line is not awaited", "理货数量超出待退数量"),
            Self::AttachmentDifferent => ("SW-2029", FixMessage, "the bytes that came are not those of this digest", "收到的文件与摘要不符"),
            Self::AttachmentKindRefused => ("SW-2030", FixMessage, "the bytes are no document or picture of a kind that is taken", "文件不是可接收的单证或图片格式"),
            Self::AttachmentInfected => ("SW-2031", FixMessage, "the virus scanner refuses the attachment", "病毒扫描未通过"),
            Self::AttachmentSizeWrong => ("SW-2032", FixMessage, "an attachment has at least 1 byte and at most 20 MiB", "随附单证文件须为1字节至20MiB"),
            Self::DocumentRequestWrong => ("SW-2033", FixMessage, "documents cannot be asked for like that", "补交单证要求不符合规定"),
            Self::DocumentAnswerWrong => ("SW-2034", FixMessage, "this does not answer what was asked for", "补交的单证与要求不符"),
            Self::XmlMalformed => ("SW-3001", FixMessage, "the message is not well-formed XML", "报文不是格式良好的XML"),
            Self::XmlEncoding => ("SW-3002", FixMessage, "the message must be UTF-8", "报文须为UTF-8编码"),
            Self::XmlTooLarge => ("SW-3003", FixMessage, "the message is too large", "报文过大"),
            Self::XmlForbidden => ("SW-3004", FixMessage, "DTDs, entities and processing instructions are not allowed", "报文不得包含DTD、实体或处理指令"),
            Self::XmlTooDeep => ("SW-3005", FixMessage, "elements are nested too deep, or have too many attributes", "元素嵌套过深或属性过多"),
            Self::XmlElementUnexpected => ("SW-3006", FixMessage, "an element is unknown, missing, repeated or out of order", "元素未知、缺失、重复或顺序错误"),
            Self::XmlTransferBlock => ("SW-3007", FixMessage, "BaseTransfer must stand exactly once", "BaseTransfer须出现且仅出现一次"),
            Self::XmlTypeUnsupported => ("SW-3008", FixMessage, "this message type is not supported", "不支持该报文类型"),
            Self::XmlTooManyDocuments => ("SW-3009", FixMessage, "a message has 1 to 100 documents", "每个报文的单证数须为1至100"),
            Self::XmlValueUnreadable => ("SW-3010", FixMessage, "a value cannot be read as what the schema says", "字段值与规范类型不符"),
            Self::JsonMalformed => ("SW-3011", FixMessage, "the JSON does not fit the schema", "JSON不符合数据结构"),
            Self::BankSumWrong => ("SW-3012", FixMessage, "sums, counts or balances of a bank file do not agree", "银行文件的金额合计、笔数或余额不符"),
            Self::WebhookUnfit => ("SW-3013", FixMessage, "a webhook cannot be like that", "推送设置不符合要求"),
            Self::DataDirectoryInUse => ("SW-4001", Operator, "another window uses this data directory", "数据目录已被占用"),
            Self::PortInUse => ("SW-4002", Operator, "the port is in use", "端口已被占用"),
            Self::PostgresMissing => ("SW-4003", Operator, "no PostgreSQL server programs were found", "未找到PostgreSQL"),
            Self::PostgresUnsafe => ("SW-4004", Operator, "this PostgreSQL is set up to lose acknowledged data", "PostgreSQL设置可能丢失已确认的数据"),
            Self::PostgresFailed => ("SW-4005", Operator, "PostgreSQL cannot be started or reached", "PostgreSQL无法启动或连接"),
            Self::ConnectionFailed => ("SW-4006", Operator, "the window cannot be reached", "无法连接单一窗口"),
            Self::FileUnreadable => ("SW-4007", Operator, "a file cannot be read", "文件无法读取"),
            Self::FileExposed => ("SW-4008", Operator, "others can read or replace a file that must be private", "私密文件可被他人读取或替换"),
            Self::NotASandbox => ("SW-4009", Operator, "the window is not a sandbox", "该单一窗口不是沙箱"),
            Self::DataKeyMissing => ("SW-4010", Operator, "a data key is missing that stored data is encrypted with", "缺少已存数据所用的数据密钥"),
        }
    }

    /// The stable number, for example SW-1203.
    pub fn id(self) -> &'static str {
        self.entry().0
    }

    /// Who has to act.
    pub fn act(self) -> Responsibility {
        self.entry().1
    }

    /// What happened, in English.
    pub fn title(self) -> &'static str {
        self.entry().2
    }

    /// What happened, in Chinese.
    pub fn title_zh(self) -> &'static str {
        self.entry().3
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A rule that a message breaks, with the place where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub code: Code,
    /// Field path within the declaration, for example `lines[2].gcode`.
    pub field: String,
    /// What is wrong there, in English.
    pub text: String,
    /// The same in Chinese.
    pub text_zh: String,
    /// Customs' own code for the same fault, when one is known.
    pub customs_code: Option<&'static str>,
}

/// A business "no" with its data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {}", code.title())]
pub struct Refusal {
    /// Which one.
    pub code: Code,
    /// Data that belongs to it, as names and values.
    pub data: Vec<(&'static str, String)>,
    /// Every broken rule, for [`Code::Invalid`]; every problem, for [`Code::RuleSetRefused`].
    pub violations: Vec<Violation>,
}

impl Refusal {
    /// A refusal without data.
    pub fn of(code: Code) -> Self {
        Self { code, data: Vec::new(), violations: Vec::new() }
    }

    /// Adds a piece of data.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.data.push((name, value.to_string()));
        self
    }

    /// The refusal of a message that breaks these rules.
    pub fn invalid(violations: Vec<Violation>) -> Self {
        Self { code: Code::Invalid, data: Vec::new(), violations }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_in_the_order_of_its_number() {
        assert!(Code::ALL.windows(2).all(|pair| pair[0].id() < pair[1].id()));
        assert!(Code::ALL.windows(2).all(|pair| pair[0] < pair[1]), "declared in that order too");
        assert_eq!(Code::DataKeyMissing as usize + 1, Code::ALL.len(), "none is left out");
    }
}
