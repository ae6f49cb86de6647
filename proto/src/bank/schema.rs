//! The published structure of the four messages, one table a group, in the order of the schema.
//!
//! Names are those of the schema. Groups that nothing is taken from are [`Shape::Unread`]: their place and
//! number are checked, their content is not.

/// Which message a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BankMessage {
    Order,
    Report,
    Statement,
    Notice,
}

/// Namespaces begin so.
pub(super) const NAMESPACES: &str = "urn:iso:std:iso:20022:tech:xsd:";

/// What is read: the end of the namespace, the element below `Document`, and its table.
pub(super) const MESSAGES: [(BankMessage, &str, BankElement); 4] = [
    (BankMessage::Order, "pain.001.001.09", one("CstmrCdtTrfInitn", Shape::Group(ORDER))),
    (BankMessage::Report, "pain.002.001.10", one("CstmrPmtStsRpt", Shape::Group(REPORT))),
    (BankMessage::Statement, "camt.053.001.08", one("BkToCstmrStmt", Shape::Group(STATEMENTS))),
    (BankMessage::Notice, "camt.054.001.08", one("BkToCstmrDbtCdtNtfctn", Shape::Group(NOTICES))),
];

/// What an element holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Elements in this order.
    Group(&'static [BankElement]),
    /// One of these.
    Choice(&'static [BankElement]),
    /// So many characters at most, and one at least.
    Text(usize),
    /// One of these words.
    Word(&'static [&'static str]),
    /// So many digits at most.
    Digits(usize),
    /// A decimal number, perhaps below zero.
    Decimal,
    /// An amount with its currency.
    Amount,
    Date,
    DateTime,
    /// true, false, 1 or 0.
    Flag,
    /// Three letters.
    Currency,
    Iban,
    Bic,
    /// Not looked into.
    Unread,
}

/// An element of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct BankElement {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) min: usize,
    pub(super) max: usize,
}

const fn one(name: &'static str, shape: Shape) -> BankElement {
    BankElement { name, shape, min: 1, max: 1 }
}

const fn may(name: &'static str, shape: Shape) -> BankElement {
    BankElement { name, shape, min: 0, max: 1 }
}

const fn any(name: &'static str, shape: Shape) -> BankElement {
    BankElement { name, shape, min: 0, max: usize::MAX }
}

const fn some(name: &'static str, shape: Shape) -> BankElement {
    BankElement { name, shape, min: 1, max: usize::MAX }
}

use Shape::{
    Amount, Bic, Choice, Currency, Date, DateTime, Decimal, Digits, Flag, Group, Iban, Text,
    Unread, Word,
};

/// A code of a published list that is kept outside of the schema, or one of the bank's own.
const CODE_OR_OWN: Shape = Choice(&[one("Cd", Text(4)), one("Prtry", Text(35))]);
const DAY: Shape = Choice(&[one("Dt", Date), one("DtTm", DateTime)]);
const DIRECTION: Shape = Word(&["CRDT", "DBIT"]);

const PARTY: Shape = Group(&[
    may("Nm", Text(140)),
    may("PstlAdr", Unread),
    may("Id", Unread),
    may("CtryOfRes", Text(2)),
    may("CtctDtls", Unread),
]);

const AGENT: Shape = Group(&[
    one(
        "FinInstnId",
        Group(&[
            may("BICFI", Bic),
            may("ClrSysMmbId", Unread),
            may("LEI", Text(20)),
            may("Nm", Text(140)),
            may("PstlAdr", Unread),
            may("Othr", Unread),
        ]),
    ),
    may("BrnchId", Unread),
]);

const PARTY_OR_AGENT: Shape = Choice(&[one("Pty", PARTY), one("Agt", AGENT)]);

const ACCOUNT_ID: Shape = Choice(&[
    one("IBAN", Iban),
    one("Othr", Group(&[one("Id", Text(34)), may("SchmeNm", Unread), may("Issr", Text(35))])),
]);

const ACCOUNT: Shape = Group(&[
    one("Id", ACCOUNT_ID),
    may("Tp", Unread),
    may("Ccy", Currency),
    may("Nm", Text(70)),
    may("Prxy", Unread),
]);

const OWN_ACCOUNT: Shape = Group(&[
    one("Id", ACCOUNT_ID),
    may("Tp", Unread),
    may("Ccy", Currency),
    may("Nm", Text(70)),
    may("Prxy", Unread),
    may("Ownr", PARTY),
    may("Svcr", AGENT),
]);

const REMITTANCE: Shape = Group(&[
    any("Ustrd", Text(140)),
    any(
        "Strd",
        Group(&[
            any(
                "RfrdDocInf",
                Group(&[
                    may("Tp", Unread),
                    may("Nb", Text(35)),
                    may("RltdDt", Date),
                    any("LineDtls", Unread),
                ]),
            ),
            may("RfrdDocAmt", Unread),
            may("CdtrRefInf", Group(&[may("Tp", Unread), may("Ref", Text(35))])),
            may("Invcr", Unread),
            may("Invcee", Unread),
            may("TaxRmt", Unread),
            may("GrnshmtRmt", Unread),
            BankElement { name: "AddtlRmtInf", shape: Text(140), min: 0, max: 3 },
        ]),
    ),
]);

const CHARGE_BEARER: Shape = Word(&["DEBT", "CRED", "SHAR", "SLEV"]);

// pain.001.001.09

const ORDER: &[BankElement] = &[
    one(
        "GrpHdr",
        Group(&[
            one("MsgId", Text(35)),
            one("CreDtTm", DateTime),
            BankElement { name: "Authstn", shape: Unread, min: 0, max: 2 },
            one("NbOfTxs", Digits(15)),
            may("CtrlSum", Decimal),
            one("InitgPty", PARTY),
            may("FwdgAgt", Unread),
            may("InitnSrc", Unread),
        ]),
    ),
    some("PmtInf", Group(PAYMENT)),
    any("SplmtryData", Unread),
];

const PAYMENT: &[BankElement] = &[
    one("PmtInfId", Text(35)),
    one("PmtMtd", Word(&["CHK", "TRF", "TRA"])),
    may("BtchBookg", Flag),
    may("NbOfTxs", Digits(15)),
    may("CtrlSum", Decimal),
    may("PmtTpInf", Unread),
    one("ReqdExctnDt", DAY),
    may("PoolgAdjstmntDt", Date),
    one("Dbtr", PARTY),
    one("DbtrAcct", ACCOUNT),
    one("DbtrAgt", AGENT),
    may("DbtrAgtAcct", Unread),
    may("InstrForDbtrAgt", Text(140)),
    may("UltmtDbtr", Unread),
    may("ChrgBr", CHARGE_BEARER),
    may("ChrgsAcct", Unread),
    may("ChrgsAcctAgt", Unread),
    some("CdtTrfTxInf", Group(TRANSFER)),
];

const TRANSFER: &[BankElement] = &[
    one(
        "PmtId",
        Group(&[may("InstrId", Text(35)), one("EndToEndId", Text(35)), may("UETR", Text(36))]),
    ),
    may("PmtTpInf", Unread),
    one("Amt", Choice(&[one("InstdAmt", Amount), one("EqvtAmt", Unread)])),
    may("XchgRateInf", Unread),
    may("ChrgBr", CHARGE_BEARER),
    may("ChqInstr", Unread),
    may("UltmtDbtr", Unread),
    may("IntrmyAgt1", Unread),
    may("IntrmyAgt1Acct", Unread),
    may("IntrmyAgt2", Unread),
    may("IntrmyAgt2Acct", Unread),
    may("IntrmyAgt3", Unread),
    may("IntrmyAgt3Acct", Unread),
    may("CdtrAgt", AGENT),
    may("CdtrAgtAcct", Unread),
    may("Cdtr", PARTY),
    may("CdtrAcct", ACCOUNT),
    may("UltmtCdtr", Unread),
    any("InstrForCdtrAgt", Unread),
    may("InstrForDbtrAgt", Unread),
    may("Purp", Unread),
    BankElement { name: "RgltryRptg", shape: Unread, min: 0, max: 10 },
    may("Tax", Unread),
    BankElement { name: "RltdRmtInf", shape: Unread, min: 0, max: 10 },
    may("RmtInf", REMITTANCE),
    any("SplmtryData", Unread),
];

// pain.002.001.10

const REASON: Shape =
    Group(&[may("Orgtr", Unread), may("Rsn", CODE_OR_OWN), any("AddtlInf", Text(105))]);

const COUNTED: Shape =
    Group(&[one("DtldNbOfTxs", Digits(15)), one("DtldSts", Text(4)), may("DtldCtrlSum", Decimal)]);

const REPORT: &[BankElement] = &[
    one(
        "GrpHdr",
        Group(&[
            one("MsgId", Text(35)),
            one("CreDtTm", DateTime),
            may("InitgPty", PARTY),
            may("FwdgAgt", Unread),
            may("DbtrAgt", Unread),
            may("CdtrAgt", Unread),
        ]),
    ),
    one(
        "OrgnlGrpInfAndSts",
        Group(&[
            one("OrgnlMsgId", Text(35)),
            one("OrgnlMsgNmId", Text(35)),
            may("OrgnlCreDtTm", DateTime),
            may("OrgnlNbOfTxs", Digits(15)),
            may("OrgnlCtrlSum", Decimal),
            may("GrpSts", Text(4)),
            any("StsRsnInf", REASON),
            any("NbOfTxsPerSts", COUNTED),
        ]),
    ),
    any(
        "OrgnlPmtInfAndSts",
        Group(&[
            one("OrgnlPmtInfId", Text(35)),
            may("OrgnlNbOfTxs", Digits(15)),
            may("OrgnlCtrlSum", Decimal),
            may("PmtInfSts", Text(4)),
            any("StsRsnInf", REASON),
            any("NbOfTxsPerSts", COUNTED),
            any(
                "TxInfAndSts",
                Group(&[
                    may("StsId", Text(35)),
                    may("OrgnlInstrId", Text(35)),
                    may("OrgnlEndToEndId", Text(35)),
                    may("OrgnlUETR", Text(36)),
                    may("TxSts", Text(4)),
                    any("StsRsnInf", REASON),
                    any("ChrgsInf", Unread),
                    may("AccptncDtTm", DateTime),
                    may("AcctSvcrRef", Text(35)),
                    may("ClrSysRef", Text(35)),
                    may("OrgnlTxRef", Unread),
                    any("SplmtryData", Unread),
                ]),
            ),
        ]),
    ),
    any("SplmtryData", Unread),
];

// camt.053.001.08 and camt.054.001.08

const HEADER: BankElement = one(
    "GrpHdr",
    Group(&[
        one("MsgId", Text(35)),
        one("CreDtTm", DateTime),
        may("MsgRcpt", PARTY),
        may("MsgPgntn", PAGE),
        may("OrgnlBizQry", Unread),
        may("AddtlInf", Text(500)),
    ]),
);

const PAGE: Shape = Group(&[one("PgNb", Digits(5)), one("LastPgInd", Flag)]);

const STATEMENTS: &[BankElement] =
    &[HEADER, some("Stmt", Group(STATEMENT)), any("SplmtryData", Unread)];

const NOTICES: &[BankElement] =
    &[HEADER, some("Ntfctn", Group(NOTICE)), any("SplmtryData", Unread)];

const STATEMENT: &[BankElement] = &[
    one("Id", Text(35)),
    may("StmtPgntn", PAGE),
    may("ElctrncSeqNb", Digits(18)),
    may("RptgSeq", Unread),
    may("LglSeqNb", Digits(18)),
    may("CreDtTm", DateTime),
    may("FrToDt", SPAN),
    may("CpyDplctInd", Word(&["CODU", "COPY", "DUPL"])),
    may("RptgSrc", Unread),
    one("Acct", OWN_ACCOUNT),
    may("RltdAcct", Unread),
    any("Intrst", Unread),
    some("Bal", Group(BALANCE)),
    may("TxsSummry", SUMMARY),
    any("Ntry", Group(ENTRY)),
    may("AddtlStmtInf", Text(500)),
];

const NOTICE: &[BankElement] = &[
    one("Id", Text(35)),
    may("NtfctnPgntn", PAGE),
    may("ElctrncSeqNb", Digits(18)),
    may("RptgSeq", Unread),
    may("LglSeqNb", Digits(18)),
    may("CreDtTm", DateTime),
    may("FrToDt", SPAN),
    may("CpyDplctInd", Word(&["CODU", "COPY", "DUPL"])),
    may("RptgSrc", Unread),
    one("Acct", OWN_ACCOUNT),
    may("RltdAcct", Unread),
    any("Intrst", Unread),
    may("TxsSummry", SUMMARY),
    any("Ntry", Group(ENTRY)),
    may("AddtlNtfctnInf", Text(500)),
];

const SPAN: Shape = Group(&[one("FrDtTm", DateTime), one("ToDtTm", DateTime)]);

const BALANCE: &[BankElement] = &[
    one("Tp", Group(&[one("CdOrPrtry", CODE_OR_OWN), may("SubTp", Unread)])),
    any("CdtLine", Unread),
    one("Amt", Amount),
    one("CdtDbtInd", DIRECTION),
    one("Dt", DAY),
    any("Avlbty", Unread),
];

const TOTAL: Shape = Group(&[may("NbOfNtries", Digits(15)), may("Sum", Decimal)]);

const SUMMARY: Shape = Group(&[
    may(
        "TtlNtries",
        Group(&[
            may("NbOfNtries", Digits(15)),
            may("Sum", Decimal),
            may("TtlNetNtry", Group(&[one("Amt", Decimal), one("CdtDbtInd", DIRECTION)])),
        ]),
    ),
    may("TtlCdtNtries", TOTAL),
    may("TtlDbtNtries", TOTAL),
    any("TtlNtriesPerBkTxCd", Unread),
]);

const CHARGES: Shape = Group(&[
    may("TtlChrgsAndTaxAmt", Amount),
    any(
        "Rcrd",
        Group(&[
            one("Amt", Amount),
            may("CdtDbtInd", DIRECTION),
            may("ChrgInclInd", Flag),
            may("Tp", Unread),
            may("Rate", Decimal),
            may("Br", CHARGE_BEARER),
            may("Agt", Unread),
            may("Tax", Unread),
        ]),
    ),
]);

const ENTRY: &[BankElement] = &[
    may("NtryRef", Text(35)),
    one("Amt", Amount),
    one("CdtDbtInd", DIRECTION),
    may("RvslInd", Flag),
    one("Sts", CODE_OR_OWN),
    may("BookgDt", DAY),
    may("ValDt", DAY),
    may("AcctSvcrRef", Text(35)),
    any("Avlbty", Unread),
    one("BkTxCd", Group(&[may("Domn", Unread), may("Prtry", Unread)])),
    may("ComssnWvrInd", Flag),
    may("AddtlInfInd", Unread),
    may("AmtDtls", Unread),
    may("Chrgs", CHARGES),
    may("TechInptChanl", Unread),
    may("Intrst", Unread),
    may("CardTx", Unread),
    any("NtryDtls", Group(&[may("Btch", Group(BATCH)), any("TxDtls", Group(DETAILS))])),
    may("AddtlNtryInf", Text(500)),
];

const BATCH: &[BankElement] = &[
    may("MsgId", Text(35)),
    may("PmtInfId", Text(35)),
    may("NbOfTxs", Digits(15)),
    may("TtlAmt", Amount),
    may("CdtDbtInd", DIRECTION),
];

const DETAILS: &[BankElement] = &[
    may(
        "Refs",
        Group(&[
            may("MsgId", Text(35)),
            may("AcctSvcrRef", Text(35)),
            may("PmtInfId", Text(35)),
            may("InstrId", Text(35)),
            may("EndToEndId", Text(35)),
            may("UETR", Text(36)),
            may("TxId", Text(35)),
            may("MndtId", Text(35)),
            may("ChqNb", Text(35)),
            may("ClrSysRef", Text(35)),
            may("AcctOwnrTxId", Text(35)),
            may("AcctSvcrTxId", Text(35)),
            may("MktInfrstrctrTxId", Text(35)),
            may("PrcgId", Text(35)),
            any("Prtry", Unread),
        ]),
    ),
    may("Amt", Amount),
    may("CdtDbtInd", DIRECTION),
    may("AmtDtls", Unread),
    any("Avlbty", Unread),
    may("BkTxCd", Unread),
    may("Chrgs", CHARGES),
    may("Intrst", Unread),
    may(
        "RltdPties",
        Group(&[
            may("InitgPty", PARTY_OR_AGENT),
            may("Dbtr", PARTY_OR_AGENT),
            may("DbtrAcct", Unread),
            may("UltmtDbtr", PARTY_OR_AGENT),
            may("Cdtr", PARTY_OR_AGENT),
            may("CdtrAcct", Unread),
            may("UltmtCdtr", PARTY_OR_AGENT),
            may("TradgPty", PARTY_OR_AGENT),
            any("Prtry", Unread),
        ]),
    ),
    may("RltdAgts", Unread),
    may("LclInstrm", Unread),
    may("Purp", Unread),
    BankElement { name: "RltdRmtInf", shape: Unread, min: 0, max: 10 },
    may("RmtInf", REMITTANCE),
    may("RltdDts", Unread),
    may("RltdPric", Unread),
    any("RltdQties", Unread),
    may("FinInstrmId", Unread),
    may("Tax", Unread),
    may(
        "RtrInf",
        Group(&[
            may("OrgnlBkTxCd", Unread),
            may("Orgtr", Unread),
            may("Rsn", CODE_OR_OWN),
            any("AddtlInf", Text(105)),
        ]),
    ),
    may("CorpActn", Unread),
    may("SfkpgAcct", Unread),
    any("CshDpst", Unread),
    may("CardTx", Unread),
    may("AddtlTxInf", Text(500)),
    any("SplmtryData", Unread),
];
