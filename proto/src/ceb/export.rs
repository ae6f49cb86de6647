//! The documents of the export messages, element by element as the schema of release 202205 has them.
//!
//! The schema allows nearly every mandatory text to be empty; that it must not be is a rule of the
//! document and not of the reader. It fixes fFlag and iFlag to 3 (total), although the text of the
//! specification knows 1 and 2.
//!
//! Decimals are in 1/100000. Texts that the schema collapses are read as codes.

use super::schema::{documents, elements};

documents! {
    "CEB303 电子订单" Order { OrderHead, OrderList must 100 }
    "CEB507 物流运抵单" Arrival { ArrivalHead, ArrivalList may UNBOUNDED }
    "CEB509 物流离境单" Departure { DepartureHead, DepartureList must UNBOUNDED }
    "CEB603 出口清单" Inventory { InventoryHead, InventoryList must 100 }
    "CEB607 清单总分单" WayBill { WayBillHead, WayBillList must UNBOUNDED }
    "CEB213 退货申请单" InvtRefund { InvtRefundHead, InvtRefundList must 100 }
    "CEB701 汇总申请单" SummaryApply { SummaryApplyHead, SummaryApplyList may UNBOUNDED }
    "CEB792 汇总结果单" SummaryResult { SummaryResultHead, SummaryResultList may UNBOUNDED }
}

elements! {
    "CEB303 电子订单表头"
    OrderHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2") or "1": "业务状态：1暂存，2申报";
        order_type "orderType" must code(1, 1): "订单类型：E出口，B企业对企业，W海外仓";
        order_no "orderNo" must code(0, 60): "订单编号";
        ebp_code "ebpCode" must code(0, 18): "电商平台代码";
        ebp_name "ebpName" must text(0, 100): "电商平台名称";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        ebc_name "ebcName" must text(0, 100): "电商企业名称";
        goods_value "goodsValue" must decimal: "商品金额（FOB），币制见currency";
        freight "freight" must decimal or "0": "运杂费，币制见currency";
        currency "currency" must code(3, 3): "币制代码";
        note "note" may text(0, 1000): "备注";
    }

    "CEB303 电子订单表体"
    OrderList {
        gnum "gnum" must count(5): "商品序号，从1开始";
        item_no "itemNo" must code(0, 30): "企业商品货号";
        item_name "itemName" must text(0, 250): "企业商品名称";
        item_describe "itemDescribe" may text(0, 1000): "企业商品描述";
        bar_code "barCode" may code(0, 50): "商品条形码，没有填“无”";
        unit "unit" must code(3, 3): "计量单位代码";
        currency "currency" must code(3, 3): "币制代码";
        qty "qty" must decimal: "数量，计量单位见unit";
        price "price" must decimal: "单价，币制见currency";
        total_price "totalPrice" must decimal: "总价，币制见currency";
        note "note" may text(0, 1000): "备注";
    }

    "CEB304 电子订单回执"
    OrderReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        ebp_code "ebpCode" must code(0, 18): "电商平台代码";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        order_no "orderNo" must code(0, 60): "订单编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB403 收款单"
    Receipts {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2") or "1": "业务状态：1暂存，2申报";
        ebp_code "ebpCode" must code(0, 18): "电商平台代码";
        ebp_name "ebpName" must text(0, 100): "电商平台名称";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        ebc_name "ebcName" must text(0, 100): "电商企业名称";
        order_no "orderNo" must code(0, 60): "订单编号";
        pay_code "payCode" may code(0, 18): "支付企业代码";
        pay_name "payName" must text(0, 100): "支付企业名称";
        pay_no "payNo" may code(0, 60): "支付编号";
        charge "charge" must decimal: "收款金额，币制见currency";
        currency "currency" must code(3, 3): "币制代码";
        accounting_date "accountingDate" must code(14, 14): "到账时间，YYYYMMDDhhmmss";
        note "note" may text(0, 1000): "备注";
    }

    "CEB404 收款单回执"
    ReceiptsReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        order_no "orderNo" must code(0, 60): "订单编号";
        pay_no "payNo" may code(0, 60): "支付编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB505 物流运单"
    Logistics {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2") or "2": "业务状态：1暂存，2申报";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        logistics_name "logisticsName" must text(0, 100): "物流企业名称";
        logistics_no "logisticsNo" must code(0, 32): "物流运单编号";
        freight "freight" must decimal: "运费，币制见currency";
        insured_fee "insuredFee" must decimal: "保价费，币制见currency";
        currency "currency" must code(3, 3): "币制代码";
        gross_weight "grossWeight" must decimal: "毛重，千克";
        pack_no "packNo" must count(9): "件数";
        goods_info "goodsInfo" must code(0, 200): "主要货物信息";
        ebc_code "ebcCode" may code(0, 18): "电商企业代码";
        ebc_name "ebcName" may text(0, 100): "电商企业名称";
        ebc_telephone "ebcTelephone" may code(0, 50): "电商企业电话";
        note "note" may text(0, 1000): "备注";
    }

    "CEB506 物流运单回执"
    LogisticsReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        logistics_no "logisticsNo" must code(0, 32): "物流运单编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB507 物流运抵单表头"
    ArrivalHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2") or "1": "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" may code(18, 18): "预录入编号";
        operator_code "operatorCode" must code(0, 18): "监管场所经营人代码";
        operator_name "operatorName" must text(0, 100): "监管场所经营人名称";
        loct_no "loctNo" may code(0, 10): "监管场所代码";
        ie_flag "ieFlag" must code(1, 1): "进出口标志：I进口，E出口";
        traf_mode "trafMode" must code(1, 1): "运输方式代码";
        bill_no "billNo" may code(0, 37): "提运单号";
        domestic_traf_no "domesticTrafNo" must code(0, 100): "境内运输工具编号";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        logistics_name "logisticsName" must text(0, 100): "物流企业名称";
        msg_count "msgCount" must count(9): "报文总数";
        msg_seq_no "msgSeqNo" must count(9): "报文序号，从1开始";
        note "note" may text(0, 1000): "备注";
    }

    "CEB507 物流运抵单表体"
    ArrivalList {
        gnum "gnum" must count(5): "商品序号，从1开始";
        logistics_no "logisticsNo" must code(0, 32): "物流运单编号";
        total_package_no "totalPackageNo" may code(0, 37): "大包编号";
        note "note" may text(0, 1000): "备注";
    }

    "CEB508 物流运抵单回执"
    ArrivalReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        operator_code "operatorCode" must code(0, 18): "监管场所经营人代码";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        pre_no "preNo" must code(18, 18): "预录入编号";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        bill_no "billNo" must code(0, 37): "提运单号";
        msg_seq_no "msgSeqNo" must count(9): "报文序号，从1开始";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB509 物流离境单表头"
    DepartureHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" may code(18, 18): "预录入编号";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        logistics_name "logisticsName" must text(0, 100): "物流企业名称";
        traf_mode "trafMode" must code(1, 1): "运输方式代码";
        traf_name "trafName" may text(0, 100): "运输工具名称";
        voyage_no "voyageNo" may code(0, 32): "航班航次号";
        bill_no "billNo" may code(0, 37): "提运单号";
        leave_time "leaveTime" must code(14, 14): "离境时间，YYYYMMDDhhmmss";
        msg_count "msgCount" must count(9): "报文总数";
        msg_seq_no "msgSeqNo" must count(9): "报文序号，从1开始";
        note "note" may text(0, 1000): "备注";
    }

    "CEB509 物流离境单表体"
    DepartureList {
        gnum "gnum" must count(5): "商品序号，从1开始";
        total_package_no "totalPackageNo" may code(0, 37): "大包编号";
        logistics_no "logisticsNo" must code(0, 32): "物流运单编号";
        note "note" may text(0, 1000): "备注";
    }

    "CEB510 物流离境单回执"
    DepartureReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" must code(18, 18): "预录入编号";
        msg_seq_no "msgSeqNo" must count(9): "报文序号，从1开始";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB603 出口清单表头"
    InventoryHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        ebp_code "ebpCode" must code(0, 18): "电商平台代码";
        ebp_name "ebpName" must text(0, 100): "电商平台名称";
        order_no "orderNo" must code(0, 60): "订单编号";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        logistics_name "logisticsName" must text(0, 100): "物流企业名称";
        logistics_no "logisticsNo" must code(0, 32): "物流运单编号";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" may code(18, 18): "预录入编号";
        invt_no "invtNo" may code(0, 20): "清单编号";
        ie_flag "ieFlag" must direction("CEB603", "E"): "进出口标志：I进口，E出口";
        port_code "portCode" must code(4, 4): "口岸海关代码";
        ie_date "ieDate" must code(8, 8): "进出口日期，YYYYMMDD";
        statistics_flag "statisticsFlag" must code(1, 1): "申报业务类型：A简化申报，B汇总申报";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        agent_name "agentName" must text(0, 100): "申报企业名称";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        ebc_name "ebcName" must text(0, 100): "电商企业名称";
        owner_code "ownerCode" must code(0, 18): "生产销售单位代码";
        owner_name "ownerName" must text(0, 100): "生产销售单位名称";
        iac_code "iacCode" may code(0, 18): "区内企业代码";
        iac_name "iacName" may text(0, 100): "区内企业名称";
        ems_no "emsNo" may code(0, 30): "账册编号";
        trade_mode "tradeMode" must code(4, 4): "贸易方式代码";
        traf_mode "trafMode" must code(1, 1): "运输方式代码";
        traf_name "trafName" may text(0, 100): "运输工具名称";
        voyage_no "voyageNo" may code(0, 32): "航班航次号";
        bill_no "billNo" may code(0, 37): "提运单号";
        total_package_no "totalPackageNo" may code(0, 37): "大包编号";
        loct_no "loctNo" may code(0, 10): "监管场所代码";
        license_no "licenseNo" may code(0, 19): "许可证件号";
        country "country" must code(3, 3): "国别（地区）代码";
        pod "POD" must code(3, 4): "指运港代码";
        freight "freight" must decimal: "运费，币制见f_currency";
        f_currency "fCurrency" must code(3, 3): "运费币制";
        f_flag "fFlag" must fixed("3"): "运费标志，限定为3（总价）";
        insured_fee "insuredFee" must decimal: "保费，币制见i_currency";
        i_currency "iCurrency" must code(3, 3): "保费币制";
        i_flag "iFlag" must fixed("3"): "保费标志，限定为3（总价）";
        wrap_type "wrapType" must code(1, 1): "包装种类代码";
        pack_no "packNo" must count(9): "件数";
        gross_weight "grossWeight" must decimal: "毛重，千克";
        net_weight "netWeight" must decimal: "净重，千克";
        note "note" may text(0, 1000): "备注";
    }

    "CEB603 出口清单表体"
    InventoryList {
        gnum "gnum" must count(5): "商品序号，从1开始";
        item_no "itemNo" must code(0, 20): "企业商品货号";
        item_record_no "itemRecordNo" may code(0, 30): "账册备案料号";
        item_name "itemName" may text(0, 250): "企业商品名称";
        gcode "gcode" must code(10, 10): "海关商品编码，10位";
        gname "gname" must text(0, 250): "商品名称";
        gmodel "gmodel" must code(0, 250): "商品规格型号";
        bar_code "barCode" must code(0, 50): "商品条形码，没有填“无”";
        country "country" must code(3, 3): "国别（地区）代码";
        currency "currency" must code(3, 3): "币制代码";
        qty "qty" must decimal: "数量，计量单位见unit";
        qty1 "qty1" must decimal: "第一法定数量，计量单位见unit1";
        qty2 "qty2" may decimal: "第二法定数量，计量单位见unit2";
        unit "unit" must code(3, 3): "计量单位代码";
        unit1 "unit1" must code(3, 3): "第一法定计量单位代码";
        unit2 "unit2" may code(0, 3): "第二法定计量单位代码";
        price "price" must decimal: "单价，币制见currency";
        total_price "totalPrice" must decimal: "总价，币制见currency";
        note "note" may text(0, 1000): "备注";
    }

    "CEB604 出口清单回执"
    InventoryReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" must code(18, 18): "预录入编号";
        invt_no "invtNo" must code(0, 20): "清单编号";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        ebp_code "ebpCode" must code(0, 18): "电商平台代码";
        order_no "orderNo" must code(0, 60): "订单编号";
        statistics_flag "statisticsFlag" must code(1, 1): "申报业务类型：A简化申报，B汇总申报";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB605 撤销申请单"
    InvtCancel {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" may code(18, 18): "预录入编号";
        invt_no "invtNo" must code(0, 20): "清单编号";
        reason "reason" must code(0, 1000): "原因";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        agent_name "agentName" must text(0, 100): "申报企业名称";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        ebc_name "ebcName" must text(0, 100): "电商企业名称";
        note "note" may text(0, 1000): "备注";
    }

    "CEB606 撤销申请单回执"
    InvtCancelReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" must code(18, 18): "预录入编号";
        invt_no "invtNo" must code(0, 20): "清单编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB607 清单总分单表头"
    WayBillHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" may code(18, 18): "预录入编号";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        agent_name "agentName" must text(0, 100): "申报企业名称";
        loct_no "loctNo" may code(0, 10): "监管场所代码";
        traf_mode "trafMode" must code(1, 1): "运输方式代码";
        traf_name "trafName" must code(0, 100): "运输工具名称";
        voyage_no "voyageNo" must code(0, 32): "航班航次号";
        bill_no "billNo" must code(0, 37): "提运单号";
        domestic_traf_no "domesticTrafNo" may code(0, 100): "境内运输工具编号";
        gross_weight "grossWeight" must decimal: "毛重，千克";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        logistics_name "logisticsName" must text(0, 100): "物流企业名称";
        msg_count "msgCount" must count(9): "报文总数";
        msg_seq_no "msgSeqNo" must count(9): "报文序号，从1开始";
        note "note" may text(0, 1000): "备注";
    }

    "CEB607 清单总分单表体"
    WayBillList {
        gnum "gnum" must count(5): "商品序号，从1开始";
        total_package_no "totalPackageNo" may code(0, 60): "大包编号";
        logistics_no "logisticsNo" must code(0, 32): "物流运单编号";
        invt_no "invtNo" may code(0, 20): "清单编号";
        note "note" may text(0, 1000): "备注";
    }

    "CEB608 清单总分单回执"
    WayBillReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" must code(18, 18): "预录入编号";
        bill_no "billNo" must code(0, 37): "提运单号";
        msg_seq_no "msgSeqNo" must count(9): "报文序号，从1开始";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB213 退货申请单表头"
    InvtRefundHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        loct_no "loctNo" may code(0, 10): "监管场所代码";
        ebp_code "ebpCode" must code(0, 18): "电商平台代码";
        ebp_name "ebpName" must text(0, 100): "电商平台名称";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        ebc_name "ebcName" must text(0, 100): "电商企业名称";
        logistics_no "logisticsNo" must code(0, 80): "物流运单编号";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        logistics_name "logisticsName" must text(0, 100): "物流企业名称";
        co_el_no "coElNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        invt_no "invtNo" must code(0, 20): "清单编号";
        trade_mode "tradeMode" may code(4, 4): "贸易方式代码";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        agent_name "agentName" must text(0, 100): "申报企业名称";
        bill_no "billNo" must code(0, 37): "提运单号";
        ie_flag "ieFlag" must code(0, 1): "进出口标志，出口退货填I";
        traf_mode "trafMode" must code(0, 1): "运输方式代码";
        traf_name "trafName" must text(0, 100): "运输工具名称";
        port_code "portCode" must code(0, 4): "口岸海关代码";
        reason "reason" must text(0, 500): "原因";
        country "country" must code(0, 3): "国别（地区）代码";
        voyage_no "voyageNo" must code(0, 32): "航班航次号";
        note "note" may text(0, 500): "备注";
    }

    "CEB213 退货申请单表体"
    InvtRefundList {
        gnum "gnum" must count(4): "对应原清单表体的序号";
        gcode "gcode" must code(0, 10): "海关商品编码，10位";
        gname "gname" must text(0, 250): "商品名称";
        gmodel "gmodel" must text(0, 250): "商品规格型号";
        qty "qty" must decimal: "数量，计量单位见unit";
        qty1 "qty1" must decimal: "第一法定数量，计量单位见unit1";
        unit "unit" must code(3, 3): "计量单位代码";
        unit1 "unit1" must code(3, 3): "第一法定计量单位代码";
        qty2 "qty2" may decimal: "第二法定数量，计量单位见unit2";
        unit2 "unit2" may code(3, 3): "第二法定计量单位代码";
        note "note" may text(0, 500): "备注";
    }

    "CEB214 退货申请单回执"
    RefundReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        ebp_code "ebpCode" may code(0, 18): "电商平台代码";
        ebc_code "ebcCode" may code(0, 18): "电商企业代码";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        co_el_no "coElNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        invt_no "invtNo" must code(0, 20): "清单编号";
        return_status "returnStatus" must code(0, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB215 理货明细单"
    InvtRefundDetail {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        operator_code "operatorCode" must code(0, 18): "监管场所经营人代码";
        operator_name "operatorName" must text(0, 100): "监管场所经营人名称";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        logistics_name "logisticsName" must text(0, 100): "物流企业名称";
        logistics_no "logisticsNo" must code(0, 80): "物流运单编号";
        invt_no "invtNo" may code(0, 20): "清单编号";
        co_el_no "coElNo" must code(0, 20): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        bill_no "billNo" must code(0, 37): "提运单号";
        ie_flag "ieFlag" must code(1, 1): "进出口标志，出口退货填I";
        traf_mode "trafMode" must code(1, 1): "运输方式代码";
        traf_name "trafName" must text(0, 100): "运输工具名称";
        voyage_no "voyageNo" must code(0, 32): "航班航次号";
        location "location" may text(0, 250): "存放位置";
        note "note" may text(0, 250): "备注";
    }

    "CEB216 理货明细单回执"
    InvtRefundDetailReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        operator_code "operatorCode" must code(0, 18): "监管场所经营人代码";
        logistics_code "logisticsCode" must code(0, 18): "物流企业代码";
        logistics_no "logisticsNo" must code(0, 80): "物流运单编号";
        co_el_no "coElNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        return_status "returnStatus" must code(0, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB701 汇总申请单表头"
    SummaryApplyHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2") or "2": "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        sum_no "sumNo" may code(0, 18): "汇总申请编号";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        agent_name "agentName" must text(0, 100): "申报企业名称";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        ebc_name "ebcName" must text(0, 100): "电商企业名称";
        decl_agent_code "declAgentCode" must code(0, 18): "报关单位代码";
        decl_agent_name "declAgentName" must text(0, 100): "报关单位名称";
        start_time "startTime" may code(14, 14): "汇总开始时间，YYYYMMDDhhmmss";
        end_time "endTime" may code(14, 14): "汇总结束时间，YYYYMMDDhhmmss";
        loct_no "loctNo" may code(0, 10): "监管场所代码";
        summary_flag "summaryFlag" must code(1, 1): "汇总标志：1按收发货人，2按收发货人和生产销售单位";
        item_name_flag "itemNameFlag" must code(1, 1): "按商品名汇总标志";
        msg_count "msgCount" must count(9): "报文总数";
        msg_seq_no "msgSeqNo" must count(9): "报文序号，从1开始";
        note "note" may text(0, 1000): "备注";
    }

    "CEB701 汇总申请单表体"
    SummaryApplyList {
        invt_no "invtNo" must code(0, 20): "清单编号";
    }

    "CEB702 汇总申请单回执"
    SummaryReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        cop_no "copNo" must code(0, 30): "企业内部编号";
        pre_no "preNo" must code(18, 18): "预录入编号";
        sum_no "sumNo" may code(18, 18): "汇总申请编号";
        msg_seq_no "msgSeqNo" must count(9): "报文序号，从1开始";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(0, 1000): "回执信息";
    }

    "CEB792 汇总结果单表头"
    SummaryResultHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        sum_no "sumNo" must code(18, 18): "汇总申请编号";
        op_date "opDate" must code(17, 17): "汇总处理时间，YYYYMMDDhhmmssSSS";
        decl_seq_no "declSeqNo" must code(18, 18): "汇总统一编号";
        dec_tmp_no "decTmpNo" may code(18, 18): "报关单暂存编号";
        dec_pre_no "decPreNo" may code(18, 18): "报关单预录入编号";
        entry_id "entryId" may code(18, 18): "报关单编号";
        dec_state "decState" must code(1, 3): "报关单状态";
        agent_code "agentCode" must code(0, 18): "申报企业代码";
        agent_name "agentName" must text(0, 100): "申报企业名称";
        ebc_code "ebcCode" must code(0, 18): "电商企业代码";
        ebc_name "ebcName" must text(0, 100): "电商企业名称";
        decl_agent_code "declAgentCode" must code(0, 18): "报关单位代码";
        decl_agent_name "declAgentName" must text(0, 100): "报关单位名称";
        gross_weight "grossWeight" must decimal: "毛重，千克";
        net_weight "netWeight" must decimal: "净重，千克";
        msg_count "msgCount" must count(9): "报文总数";
        msg_seq_no "msgSeqNo" must count(9): "报文序号，从1开始";
        note "note" may text(0, 1000): "备注";
    }

    "CEB792 汇总结果单表体"
    SummaryResultList {
        invt_no "invtNo" must code(0, 20): "清单编号";
        logistics_no "logisticsNo" must code(0, 32): "物流运单编号";
        gseqno "gseqno" must count(5): "汇总结果单的顺序号";
        gnum "gnum" must count(5): "清单商品项的序号";
        gcode "gcode" must code(10, 10): "海关商品编码，10位";
    }
}
