//! What the negative receipt codes mean.
//!
//! Source: error code list of the CEB specification 202205, letter for letter, because programs of
//! firms compare whole texts. Two codes that the list gives twice (-621027, -625022) have the one text
//! that is used here; two rows of the list show an example where a parameter stands (-401009, -800001).
//! What looks like a slip of the list (the quotation mark of -623001, the comma of -625001) belongs to the
//! text, and so do brackets. `*` stands for a parameter. -304001 is not in the list: it was observed in
//! receipts of orders.

/// The mark of a parameter in a text.
pub const PLACE: char = '*';

/// Code, text in Chinese, text in English, by falling code.
#[rustfmt::skip]
pub const ERRORS: &[(i32, &str, &str)] = &[
    (-10_101, "无效企业类型", "the type of the firm is invalid"),
    (-10_102, "无效企业代码", "the code of the firm is invalid"),
    (-301_001, "订单商品表体信息不存在", "the order has no lines"),
    (-301_002, "订单商品信息内有重复商品序号", "line numbers of the order repeat"),
    (-301_003, "订单信息查询不存在[*]", "order [*] was not found"),
    (-301_004, "订单信息查询不存在[*]", "order [*] was not found"),
    (-301_005, "[*]订单信息查询不存在", "no order was found for [*]"),
    (-301_006, "[*]检索到多条订单信息", "more than one order was found for [*]"),
    (-301_007, "订单业务报文信息不能为空", "the order message is empty"),
    (-301_008, "参数校验不通过，*", "parameters are wrong: [*]"),
    (-301_009, "订单标识(appType)不正确,未找到操作的订单", "appType is wrong: there is no order to work on"),
    (-301_010, "已存在相同编号的订单", "an order with this number exists"),
    (-301_011, "该订单已向海关申报清单，状态不符", "the order is used in a declared inventory"),
    (-301_012, "订单报文处理失败，未找到对应操作", "the order message asks for an unknown operation"),
    (-301_013, "订单报文处理失败，系统异常", "the order message failed: system error"),
    (-301_014, "订单报文处理失败，接收报文为旧报文数据，不做处理", "the order message is older than what is stored and was ignored"),
    (-301_015, "订单报文处理失败，报文表头数据超过限制", "the order message has too many documents"),
    (-304_001, "处理失败，业务主键重复入库失败，报文业务主键[*]", "a document with the business key [*] exists"),
    (-401_001, "支付凭证查询不存在[*]", "payment [*] was not found"),
    (-401_002, "支付状态查询不存在[*]", "payment status [*] was not found"),
    (-401_003, "[*]对应多条支付凭证", "more than one payment belongs to [*]"),
    (-401_004, "[*]对应支付凭证查询不存在", "no payment was found for [*]"),
    (-401_005, "支付单业务报文不能为空", "the payment message is empty"),
    (-401_006, "支付单标识(appType)不正确,未找到对应操作的支付单", "appType is wrong: there is no payment to work on"),
    (-401_007, "已存在相同编号的支付单", "a payment with this number exists"),
    (-401_008, "该支付单已向海关申报支付单，状态不符", "the payment is used in a declared inventory"),
    (-401_009, "参数校验不通过，[*]", "parameters are wrong: [*]"),
    (-401_010, "支付单报文处理失败，未找到对应操作", "the payment message asks for an unknown operation"),
    (-401_011, "支付单报文处理失败，系统异常", "the payment message failed: system error"),
    (-401_012, "支付单报文处理失败，接收报文为旧报文数据，不做处理", "the payment message is older than what is stored and was ignored"),
    (-401_013, "支付单报文处理失败，报文表头数据超过限制", "the payment message has too many documents"),
    (-504_000, "运单报文解析失败！", "the waybill message cannot be read"),
    (-504_010, "运单业务报文不能为空", "the waybill message is empty"),
    (-504_011, "参数校验不通过，*", "parameters are wrong: [*]"),
    (-504_012, "物流运单已存在", "the waybill exists"),
    (-504_013, "物流运单报文数量超过限制", "there are too many waybills in the message"),
    (-504_014, "运单标识(appType)不正确,未找到操作的运单", "appType is wrong: there is no waybill to work on"),
    (-504_015, "已存在相同编号的运单", "a waybill with this number exists"),
    (-504_016, "该运单已向海关申报运单，状态不符", "the waybill is used in a declared inventory"),
    (-505_000, "运单状态报文解析失败！", "the waybill status message cannot be read"),
    (-505_010, "运单状态业务报文不能为空", "the waybill status message is empty"),
    (-505_011, "参数校验不通过", "parameters are wrong"),
    (-505_012, "物流运单状态已存在", "the waybill status exists"),
    (-505_013, "物流运单状态报文数量超过限制", "there are too many waybill statuses in the message"),
    (-505_014, "物流运单状态报文处理失败，未找到对应操作", "the waybill status message asks for an unknown operation"),
    (-505_015, "物流报文处理失败，系统异常", "the logistics message failed: system error"),
    (-505_016, "物流报文处理失败，接收报文为旧报文数据，不做处理", "the logistics message is older than what is stored and was ignored"),
    (-505_017, "报文处理失败，报文表头数据超过限制", "the message has too many documents"),
    (-621_000, "CEB621Message 接收失败 ，清单表体为空 ，报文业务主键[*]", "the inventory has no lines: [*]"),
    (-621_001, "清单报文校验失败，[*]", "the inventory failed its checks: [*]"),
    (-621_002, "四单回执解析失败，[*]！", "the receipt cannot be read: [*]"),
    (-621_003, "清单申报失败，[*]", "the inventory could not be declared: [*]"),
    (-621_004, "清单[*]已经申报过，请勿重复申报", "inventory [*] is declared already"),
    (-621_005, "清单[*]的购买金额超过单笔限额[[*]]", "inventory [*] is above the single limit [*]"),
    (-621_006, "未找到headGuid 为[*]的清单", "no inventory with headGuid [*]"),
    (-621_008, "清单[*]发送海关成功，更新状态时发生错误", "inventory [*] was sent to customs, but its state was not stored"),
    (-621_009, "清单[*]发送海关失败，更新状态时发生错误", "inventory [*] could not be sent to customs, and its state was not stored"),
    (-621_010, "申报清单[*]发生错误，状态不是申报中", "inventory [*] is not being declared"),
    (-621_011, "不存在已申报的清单[*]，无法进行改单操作", "inventory [*] was not declared and cannot be changed"),
    (-621_012, "清单[*]的申报状态不符合改单申报的条件", "inventory [*] is not in a state that can be changed"),
    (-621_013, "清单[*]，查询个人限额失败", "inventory [*]: the buyer's limit could not be read"),
    (-621_014, "清单[*]，核增个人[*]消费金额时出错", "inventory [*]: the amount used by [*] could not be booked"),
    (-621_015, "*[*]与卡信息[*]不匹配，没有权限进行操作", "*[*] does not match the card [*]: not allowed"),
    (-621_016, "[*]没有权限进行操作", "[*] may not do this"),
    (-621_017, "系统发生异常", "system error"),
    (-621_018, "清单[*]中购买人[*]已用购买额度为[*]，本次购买将超过年度限额[*]", "inventory [*]: buyer [*] has used [*]; this purchase would exceed the annual limit [*]"),
    (-621_019, "查无此数据", "no such data"),
    (-621_020, "请求参数错误，请重试", "the parameters of the request are wrong"),
    (-621_021, "申报失败[主键为空或未找到数据]，请重试", "not declared: no key, or no data"),
    (-621_022, "申报失败[*]，请重试", "not declared: [*]"),
    (-621_023, "执行改单操作时发生错误，请重试", "the change failed"),
    (-621_024, "所有清单的表体均为空，无法完成申报操作", "no inventory in the message has lines"),
    (-621_025, "保存签名信息发生错误！", "the signature could not be stored"),
    (-621_026, "保存签名信息发生错误,签名信息为空！", "the signature is empty"),
    (-621_027, "请确认表体gnum 无重复！", "line numbers repeat, or the document could not be stored"),
    (-621_028, "加签数据比对失败！", "the signed data differ"),
    (-621_029, "验签失败！", "the signature is wrong"),
    (-621_030, "CEB621Message 接收失败[*]，清单数据超过限制！", "the message has too many inventories: [*]"),
    (-623_000, "CEB623Message 接收失败 ，撤单清单为空 ，报文业务主键[*]", "the cancellation is empty: [*]"),
    (-623_001, "报文校验失败，[*]\"", "the cancellation failed its checks: [*]"),
    (-623_002, "回执解析失败，[*]！", "the receipt cannot be read: [*]"),
    (-623_003, "系统中不存在清单编号为[*]的清单！", "inventory [*] does not exist"),
    (-623_004, "查无此数据", "no such data"),
    (-623_005, "清单的状态不符合撤单申报要求(清单编号[*])！", "inventory [*] is not in a state that can be cancelled"),
    (-623_006, "撤单清单[*]发送海关成功，更新状态时发生错误", "cancellation [*] was sent to customs, but its state was not stored"),
    (-623_007, "撤单清单[*]发送海关失败，更新状态时发生错误", "cancellation [*] could not be sent to customs, and its state was not stored"),
    (-623_008, "CEB623Message 接收失败[*]，数据超过限制！", "the message has too many cancellations: [*]"),
    (-623_009, "撤单清单[*]已经申报过", "cancellation [*] is declared already"),
    (-623_010, "第*条，企业内部编号[*]:[*]<br />", "entry [*], own number [*]: [*]"),
    (-623_011, "生成失败[主键为空或未找到数据]，请重试", "not made: no key, or no data"),
    (-623_012, "生成失败[撤单原因为空]，请重试", "not made: the reason is empty"),
    (-623_013, "撤单状态[*]不符合删除条件", "a cancellation in state [*] cannot be deleted"),
    (-623_014, "校验失败[*]", "the check failed: [*]"),
    (-623_016, "保存签名信息发生错误！", "the signature could not be stored"),
    (-623_017, "保存签名信息发生错误,签名信息为空！", "the signature is empty"),
    (-623_018, "请求参数错误，请重试", "the parameters of the request are wrong"),
    (-623_019, "申报失败[主键为空或未找到数据]，请重试", "not declared: no key, or no data"),
    (-623_020, "申报失败[*]，请重试", "not declared: [*]"),
    (-623_021, "*[*]与卡信息[*]不匹配，没有权限进行操作", "*[*] does not match the card [*]: not allowed"),
    (-623_022, "保存失败，请确认状态并刷新重试", "not stored: check the state and try again"),
    (-623_023, "撤单清单申报失败，[*]", "the cancellation could not be declared: [*]"),
    (-623_024, "通过界面申报清单[*]发生错误，状态不是申报中", "cancellation [*] is not being declared"),
    (-623_025, "清单[*]，核增个人[*]消费金额时出错", "inventory [*]: the amount used by [*] could not be booked"),
    (-623_026, "[*]没有权限进行操作", "[*] may not do this"),
    (-623_027, "系统发生异常", "system error"),
    (-623_028, "申报请求发送失败[*]", "the request could not be sent: [*]"),
    (-623_029, "验签失败*！", "the signature is wrong: [*]"),
    (-625_001, "退货申请单报文校验失败 [*]，", "the return failed its checks: [*]"),
    (-625_002, "四单回执解析失败，[*]！", "the receipt cannot be read: [*]"),
    (-625_003, "退货申请单业务报文不能为空！", "the return message is empty"),
    (-625_004, "退货申请单申报失败，[*]", "the return could not be declared: [*]"),
    (-625_005, "退货申请单[*]验签失败！", "the signature of return [*] is wrong"),
    (-625_006, "退货申请单[*]表体无数据，不允许申报！", "return [*] has no lines"),
    (-625_007, "退货申请单[*]表体第[*]项商品未备案！", "return [*], line [*]: the goods are not on record"),
    (-625_008, "退货申请单预录入号应由电子口岸生成！", "preNo of a return is given by the e-port"),
    (-625_009, "退货申请单[*]表体第[*]项的第二数量与第二单位不符合规则（当第二单位为空时，第二数量应为空；当第二单位有值时，第二数量应为正数）！", "return [*], line [*]: second quantity and second unit do not fit each other"),
    (-625_010, "退货申请单[*]表体第[*]项的*[*]与备案库[*]不一致！", "return [*], line [*]: *[*] differs from the record [*]"),
    (-625_011, "退货申请单[*]表体第[*]项在参数库中没有匹配商品编号[*]的商品！", "return [*], line [*]: goods code [*] is not in the tables"),
    (-625_012, "退货申请单[*]表体第[*]项的*[*]与参数库[*]不一致！", "return [*], line [*]: *[*] differs from the tables [*]"),
    (-625_013, "退货申请单[*]和证书中的“申报单位代码/名称”不一致！", "return [*]: the declarant differs from the certificate"),
    (-625_014, "退货申请单[*]金额超过单笔限额", "return [*] is above the original amount"),
    (-625_015, "退货申请单[*]中购买人[*]的购买金额超过限额", "return [*]: the amount of buyer [*] is above the limit"),
    (-625_016, "查无此数据", "no such data"),
    (-625_017, "请求参数错误，请重试", "the parameters of the request are wrong"),
    (-625_018, "申报失败[主键为空或未找到数据]，请重试", "not declared: no key, or no data"),
    (-625_019, "申报失败[系统错误]，请重试", "not declared: system error"),
    (-625_020, "*[*]与卡信息[*]不匹配，没有权限进行操作", "*[*] does not match the card [*]: not allowed"),
    (-625_021, "[*]没有权限进行操作", "[*] may not do this"),
    (-625_022, "退货申请单[*]的申报状态不符合改单申报的条件", "return [*] is declared already, or not in a state that can be changed"),
    (-625_023, "所有退货申请单的表体均为空，无法完成批量申报操作", "no return in the message has lines"),
    (-625_024, "退货申请单[*]，核增个人[*]消费金额时出错", "return [*]: the amount used by [*] could not be booked"),
    (-625_025, "退货申请单[*]，新增个人消费金额时出错", "return [*]: the amount could not be added"),
    (-625_026, "退货申请单[*]，查询个人限额失败", "return [*]: the buyer's limit could not be read"),
    (-625_027, "保存签名信息发生错误！", "the signature could not be stored"),
    (-625_028, "保存签名信息发生错误,签名信息为空！", "the signature is empty"),
    (-625_029, "保存失败，请确认状态并刷新重试", "not stored: check the state and try again"),
    (-625_030, "申报失败[*]，请重试", "not declared: [*]"),
    (-625_031, "所有退货申请单的表体均为空，无法完成批量申报操作", "no return in the message has lines"),
    (-625_032, "查无此数据", "no such data"),
    (-625_033, "退货申请单[*]已经申报过，请勿重复申报", "return [*] is declared already"),
    (-625_110, "系统发生异常", "system error"),
    (-625_113, "*[*]与卡信息[*]不匹配，没有权限进行操作", "*[*] does not match the card [*]: not allowed"),
    (-625_114, "[*]没有权限进行操作", "[*] may not do this"),
    (-625_116, "系统发生异常", "system error"),
    (-625_200, "CEB625Message 接收失败，退货申请单为空，报文业务主键[*]", "the return is empty: [*]"),
    (-625_202, "退货申请单[*]发送海关成功，更新状态时发生错误", "return [*] was sent to customs, but its state was not stored"),
    (-625_203, "退货申请单[*]发送海关失败，更新状态时发生错误", "return [*] could not be sent to customs, and its state was not stored"),
    (-625_204, "未找到headGuid 为[*]的清单", "no inventory with headGuid [*]"),
    (-625_205, "通过界面申报清单[*]发生错误，状态不是申报中", "return [*] is not being declared"),
    (-625_206, "退货申请单[*]发送海关成功，更新状态时发生错误", "return [*] was sent to customs, but its state was not stored"),
    (-625_207, "退货申请单[*]发送海关失败，更新状态时发生错误", "return [*] could not be sent to customs, and its state was not stored"),
    (-625_208, "验签失败*！", "the signature is wrong: [*]"),
    (-625_209, "退货申请单[*],在关联的清单中未找到表体序号为[*],商品编号为[*]的数据", "return [*]: its inventory has no line [*] with goods code [*]"),
    (-800_000, "入库明细单表体信息不存在", "the delivery list has no lines"),
    (-800_001, "校验不通过，[*]", "the check failed: [*]"),
    (-800_002, "入库明细单报文解析失败", "the delivery message cannot be read"),
    (-800_003, "入库明细单报已存在", "the delivery list exists"),
    (-800_004, "入库明细单报文处理失败，系统异常", "the delivery message failed: system error"),
    (-800_005, "入库明细单报文处理失败，接收报文为旧报文数据，不做处理", "the delivery message is older than what is stored and was ignored"),
    (-800_006, "入库明细单报文处理失败 报文表头数据超过限制，", "the message has too many delivery lists"),
];

/// Text of a code in Chinese and English, with [`PLACE`] for parameters.
pub fn find(code: i32) -> Option<(&'static str, &'static str)> {
    let at = ERRORS.binary_search_by(|row| code.cmp(&row.0)).ok()?;
    Some((ERRORS[at].1, ERRORS[at].2))
}

pub(super) fn coded(code: &str, text: &str) -> String {
    format!("[Code:{code};Desc:{text}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_the_languages_take_the_same_parameters() {
        assert!(ERRORS.windows(2).all(|pair| pair[0].0 > pair[1].0));
        for (code, zh, en) in ERRORS {
            assert_eq!(zh.matches(PLACE).count(), en.matches(PLACE).count(), "{code}");
            assert_eq!(find(*code), Some((*zh, *en)));
        }
        assert_eq!(find(-1), None);
    }
}
