//! The documents of the import messages, element by element as the schema of release 202205 has
//! them. Amounts are in yuan: the schema fixes every currency to 142.
//!
//! Decimals are in 1/100000.

use super::schema::{documents, elements};

documents! {
    "CEB311 电子订单" Order { OrderHead, OrderList must 99 }
    "CEB411 支付凭证" Payment { PaymentHead }
    "CEB511 物流运单" Logistics { LogisticsHead }
    "CEB621 进口清单" Inventory { InventoryHead, InventoryList must 99 }
    "CEB625 退货申请单" InvtRefund { InvtRefundHead, InvtRefundList must 99 }
    "CEB711 入库明细单" Delivery { DeliveryHead, DeliveryList must UNBOUNDED }
    "CEB816 电子税单" Tax { TaxHeadRd, TaxListRd must 99 }
    "CEB818 电子税单状态" TaxStatus { TaxHeadStatus }
}

elements! {
    "CEB311 电子订单表头"
    OrderHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        order_type "orderType" must code(1, 1): "订单类型，限定为I";
        order_no "orderNo" must code(1, 60): "订单编号";
        ebp_code "ebpCode" must code(1, 18): "电商平台代码";
        ebp_name "ebpName" must text(1, 100): "电商平台名称";
        ebc_code "ebcCode" must code(1, 18): "电商企业代码";
        ebc_name "ebcName" must text(1, 100): "电商企业名称";
        goods_value "goodsValue" must decimal: "商品金额，含非现金抵扣金额，元";
        freight "freight" must decimal: "运杂费，元";
        discount "discount" must decimal: "非现金抵扣金额，元";
        tax_total "taxTotal" must decimal: "代扣税款，元";
        actural_paid "acturalPaid" must decimal: "实际支付金额：商品价格+运杂费+代扣税款-非现金抵扣，元";
        currency "currency" must fixed("142"): "币制代码";
        buyer_reg_no "buyerRegNo" must code(1, 60): "订购人在交易平台的注册号";
        buyer_name "buyerName" must text(1, 60): "订购人姓名";
        buyer_telephone "buyerTelephone" must code(1, 30): "订购人电话";
        buyer_id_type "buyerIdType" must code(1, 1): "订购人证件类型：1身份证，2其它";
        buyer_id_number "buyerIdNumber" must code(1, 60): "订购人证件号码";
        pay_code "payCode" may code(0, 18): "支付企业代码";
        pay_name "payName" may text(0, 100): "支付企业名称";
        pay_transaction_id "payTransactionId" may code(0, 60): "支付流水号";
        batch_numbers "batchNumbers" may code(0, 100): "商品批次号";
        consignee "consignee" must text(1, 100): "收货人姓名";
        consignee_telephone "consigneeTelephone" must code(1, 50): "收货人电话";
        consignee_address "consigneeAddress" must text(1, 200): "收货地址";
        consignee_district "consigneeDistrict" may code(6, 6): "收货地址行政区划代码";
        note "note" may text(0, 1000): "备注";
    }

    "CEB311 电子订单表体"
    OrderList {
        gnum "gnum" must count(10): "商品序号，从1开始";
        item_no "itemNo" may code(0, 30): "企业商品货号";
        item_name "itemName" must text(1, 250): "企业商品名称";
        gmodel "gmodel" must text(1, 510): "商品规格型号";
        item_describe "itemDescribe" may text(0, 1000): "企业商品描述";
        bar_code "barCode" may code(0, 50): "商品条形码，没有填“无”";
        unit "unit" must code(3, 3): "计量单位代码";
        qty "qty" must decimal: "数量，计量单位见unit";
        price "price" must decimal: "单价，元";
        total_price "totalPrice" must decimal: "总价，元";
        currency "currency" must fixed("142"): "币制代码";
        country "country" must code(3, 3): "国别（地区）代码";
        note "note" may text(0, 1000): "备注";
    }

    "CEB312 电子订单回执"
    OrderReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        ebp_code "ebpCode" must code(1, 18): "电商平台代码";
        ebc_code "ebcCode" must code(1, 18): "电商企业代码";
        order_no "orderNo" must code(1, 60): "订单编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(1, 1000): "回执信息";
    }

    "CEB411 支付凭证表头"
    PaymentHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        pay_code "payCode" must code(1, 18): "支付企业代码";
        pay_name "payName" must text(1, 100): "支付企业名称";
        pay_transaction_id "payTransactionId" must code(1, 60): "支付流水号";
        order_no "orderNo" must code(1, 60): "订单编号";
        ebp_code "ebpCode" must code(1, 18): "电商平台代码";
        ebp_name "ebpName" must text(1, 100): "电商平台名称";
        payer_id_type "payerIdType" must code(1, 1): "支付人证件类型：1身份证，2其它";
        payer_id_number "payerIdNumber" must code(1, 60): "支付人证件号码";
        payer_name "payerName" must text(1, 60): "支付人姓名";
        telephone "telephone" may code(0, 60): "支付人电话";
        amount_paid "amountPaid" must decimal: "支付金额，元";
        currency "currency" must fixed("142"): "币制代码";
        pay_time "payTime" must code(14, 14): "支付时间，YYYYMMDDhhmmss";
        note "note" may text(0, 1000): "备注";
    }

    "CEB412 支付凭证回执"
    PaymentReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        pay_code "payCode" must code(1, 18): "支付企业代码";
        pay_transaction_id "payTransactionId" must code(1, 60): "支付流水号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(1, 1000): "回执信息";
    }

    "CEB511 物流运单表头"
    LogisticsHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        logistics_code "logisticsCode" must code(1, 18): "物流企业代码";
        logistics_name "logisticsName" must text(1, 100): "物流企业名称";
        logistics_no "logisticsNo" must code(1, 60): "物流运单编号";
        bill_no "billNo" may code(0, 37): "提运单号";
        order_no "orderNo" must code(1, 60): "订单编号";
        freight "freight" may decimal: "运费，元";
        insured_fee "insuredFee" may decimal: "保价费，元";
        currency "currency" must fixed("142"): "币制代码";
        weight "weight" must decimal: "毛重，千克";
        pack_no "packNo" must count(9): "件数，限定为1";
        goods_info "goodsInfo" may text(0, 200): "主要货物信息";
        consignee "consignee" must text(1, 100): "收货人姓名";
        consignee_address "consigneeAddress" must text(1, 200): "收货地址";
        consignee_telephone "consigneeTelephone" must code(1, 50): "收货人电话";
        note "note" may text(0, 1000): "备注";
    }

    "CEB512 物流运单回执"
    LogisticsReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        logistics_code "logisticsCode" must code(1, 18): "物流企业代码";
        logistics_no "logisticsNo" must code(1, 60): "物流运单编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(1, 1000): "回执信息";
    }

    "CEB513 运单状态"
    LogisticsStatus {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        logistics_code "logisticsCode" must code(1, 18): "物流企业代码";
        logistics_name "logisticsName" must text(1, 100): "物流企业名称";
        logistics_no "logisticsNo" must code(1, 60): "物流运单编号";
        logistics_status "logisticsStatus" must code(1, 1): "物流签收状态，限定为S";
        logistics_time "logisticsTime" must code(14, 14): "物流状态发生的时间，YYYYMMDDhhmmss";
        note "note" may text(0, 1000): "备注";
    }

    "CEB514 运单状态回执"
    LogisticsStatusReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        logistics_code "logisticsCode" must code(1, 18): "物流企业代码";
        logistics_no "logisticsNo" must code(1, 60): "物流运单编号";
        logistics_status "logisticsStatus" must code(1, 1): "物流签收状态，限定为S";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(1, 1000): "回执信息";
    }

    "CEB621 进口清单表头"
    InventoryHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        order_no "orderNo" must code(1, 60): "订单编号";
        ebp_code "ebpCode" must code(1, 18): "电商平台代码";
        ebp_name "ebpName" must text(1, 100): "电商平台名称";
        ebc_code "ebcCode" must code(1, 18): "电商企业代码";
        ebc_name "ebcName" must text(1, 100): "电商企业名称";
        logistics_no "logisticsNo" must code(1, 60): "物流运单编号";
        logistics_code "logisticsCode" must code(1, 18): "物流企业代码";
        logistics_name "logisticsName" must text(1, 100): "物流企业名称";
        cop_no "copNo" may code(0, 20): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        assure_code "assureCode" must code(1, 30): "担保企业代码";
        ems_no "emsNo" may code(0, 30): "账册编号";
        invt_no "invtNo" may code(0, 18): "清单编号";
        ie_flag "ieFlag" must direction("CEB621", "I"): "进出口标志：I进口，E出口";
        decl_time "declTime" must code(8, 8): "申报日期，YYYYMMDD";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        port_code "portCode" must code(4, 4): "口岸海关代码";
        ie_date "ieDate" may code(8, 8): "进出口日期，YYYYMMDD";
        buyer_id_type "buyerIdType" must code(1, 1): "订购人证件类型：1身份证，2其它";
        buyer_id_number "buyerIdNumber" must code(1, 60): "订购人证件号码";
        buyer_name "buyerName" must text(1, 60): "订购人姓名";
        buyer_telephone "buyerTelephone" must code(1, 30): "订购人电话";
        consignee_address "consigneeAddress" must text(1, 200): "收货地址";
        agent_code "agentCode" must code(1, 18): "申报企业代码";
        agent_name "agentName" must text(1, 100): "申报企业名称";
        area_code "areaCode" may code(0, 18): "区内企业代码";
        area_name "areaName" may text(0, 100): "区内企业名称";
        trade_mode "tradeMode" must code(4, 4): "贸易方式代码";
        traf_mode "trafMode" must code(1, 1): "运输方式代码";
        traf_no "trafNo" may text(0, 100): "运输工具编号";
        voyage_no "voyageNo" may code(0, 32): "航班航次号";
        bill_no "billNo" may code(0, 37): "提运单号";
        loct_no "loctNo" may code(0, 10): "监管场所代码";
        license_no "licenseNo" may code(0, 19): "许可证件号";
        country "country" must code(3, 3): "国别（地区）代码";
        freight "freight" must decimal: "运费，元";
        insured_fee "insuredFee" must decimal: "保价费，元";
        currency "currency" must fixed("142"): "币制代码";
        wrap_type "wrapType" may code(1, 1): "包装种类代码";
        pack_no "packNo" must count(9): "件数，限定为1";
        gross_weight "grossWeight" must decimal: "毛重，千克";
        net_weight "netWeight" must decimal: "净重，千克";
        note "note" may text(0, 1000): "备注";
    }

    "CEB621 进口清单表体"
    InventoryList {
        gnum "gnum" must count(10): "商品序号，从1开始";
        item_record_no "itemRecordNo" may code(0, 30): "账册备案料号";
        item_no "itemNo" may code(0, 20): "企业商品货号";
        item_name "itemName" may text(0, 250): "企业商品名称";
        gcode "gcode" must code(10, 10): "海关商品编码，10位";
        gname "gname" must text(1, 250): "商品名称";
        gmodel "gmodel" must text(1, 510): "商品规格型号";
        bar_code "barCode" may code(0, 50): "商品条形码，没有填“无”";
        country "country" must code(3, 3): "国别（地区）代码";
        trade_country "tradeCountry" may code(1, 3): "贸易国代码";
        currency "currency" must fixed("142"): "币制代码";
        qty "qty" must decimal: "数量，计量单位见unit";
        unit "unit" must code(3, 3): "计量单位代码";
        qty1 "qty1" must decimal: "第一法定数量，计量单位见unit1";
        unit1 "unit1" must code(3, 3): "第一法定计量单位代码";
        qty2 "qty2" may decimal: "第二法定数量，计量单位见unit2";
        unit2 "unit2" may code(3, 3): "第二法定计量单位代码";
        price "price" must decimal: "单价，元";
        total_price "totalPrice" must decimal: "总价，元";
        note "note" may text(0, 1000): "备注";
    }

    "CEB622 进口清单回执"
    InventoryReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        customs_code "customsCode" may code(4, 4): "申报地海关代码";
        ebp_code "ebpCode" may code(1, 18): "电商平台代码";
        ebc_code "ebcCode" may code(1, 18): "电商企业代码";
        agent_code "agentCode" may code(1, 18): "申报企业代码";
        cop_no "copNo" must code(1, 20): "企业内部编号";
        pre_no "preNo" must code(18, 18): "预录入编号";
        invt_no "invtNo" may code(18, 18): "清单编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(1, 1000): "回执信息";
    }

    "CEB623 撤销申请单"
    InvtCancel {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        order_no "orderNo" must code(1, 60): "订单编号";
        ebp_code "ebpCode" must code(1, 18): "电商平台代码";
        ebp_name "ebpName" must text(1, 100): "电商平台名称";
        ebc_code "ebcCode" must code(1, 18): "电商企业代码";
        ebc_name "ebcName" must text(1, 100): "电商企业名称";
        logistics_no "logisticsNo" must code(1, 60): "物流运单编号";
        logistics_code "logisticsCode" must code(1, 18): "物流企业代码";
        logistics_name "logisticsName" must text(1, 100): "物流企业名称";
        cop_no "copNo" may code(0, 20): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        invt_no "invtNo" must code(1, 18): "清单编号";
        buyer_id_type "buyerIdType" must code(1, 1): "订购人证件类型：1身份证，2其它";
        buyer_id_number "buyerIdNumber" must code(1, 60): "订购人证件号码";
        buyer_name "buyerName" must text(1, 60): "订购人姓名";
        buyer_telephone "buyerTelephone" must code(1, 30): "订购人电话";
        agent_code "agentCode" must code(1, 18): "申报企业代码";
        agent_name "agentName" must text(1, 100): "申报企业名称";
        reason "reason" must text(1, 1000): "原因";
        note "note" may text(0, 1000): "备注";
    }

    "CEB624 撤销申请单回执"
    InvtCancelReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        customs_code "customsCode" may code(4, 4): "申报地海关代码";
        agent_code "agentCode" may code(1, 18): "申报企业代码";
        ebp_code "ebpCode" may code(1, 18): "电商平台代码";
        ebc_code "ebcCode" may code(1, 18): "电商企业代码";
        cop_no "copNo" must code(1, 20): "企业内部编号";
        pre_no "preNo" must code(18, 18): "预录入编号";
        invt_no "invtNo" may code(18, 18): "清单编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(1, 1000): "回执信息";
    }

    "CEB625 退货申请单表头"
    InvtRefundHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        order_no "orderNo" must code(1, 60): "订单编号";
        ebp_code "ebpCode" must code(1, 18): "电商平台代码";
        ebp_name "ebpName" must text(1, 100): "电商平台名称";
        ebc_code "ebcCode" must code(1, 18): "电商企业代码";
        ebc_name "ebcName" must text(1, 100): "电商企业名称";
        logistics_no "logisticsNo" must code(1, 60): "物流运单编号";
        logistics_code "logisticsCode" must code(1, 18): "物流企业代码";
        logistics_name "logisticsName" must text(1, 100): "物流企业名称";
        cop_no "copNo" may code(0, 20): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        invt_no "invtNo" must code(1, 18): "清单编号";
        buyer_id_type "buyerIdType" must code(1, 1): "订购人证件类型：1身份证，2其它";
        buyer_id_number "buyerIdNumber" must code(1, 60): "订购人证件号码";
        buyer_name "buyerName" must text(1, 60): "订购人姓名";
        buyer_telephone "buyerTelephone" must code(1, 30): "订购人电话";
        agent_code "agentCode" must code(1, 18): "申报企业代码";
        agent_name "agentName" must text(1, 100): "申报企业名称";
        reason "reason" must text(1, 1000): "原因";
        note "note" may text(0, 1000): "备注";
    }

    "CEB625 退货申请单表体"
    InvtRefundList {
        gnum "gnum" must count(10): "对应原清单表体的序号";
        gcode "gcode" must code(10, 10): "海关商品编码，10位";
        gname "gname" must text(1, 250): "商品名称";
        qty "qty" must decimal: "数量，计量单位见unit";
        unit "unit" must code(3, 3): "计量单位代码";
        note "note" may text(0, 1000): "备注";
    }

    "CEB626 退货申请单回执"
    InvtRefundReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        customs_code "customsCode" may code(4, 4): "申报地海关代码";
        agent_code "agentCode" may code(1, 18): "申报企业代码";
        ebp_code "ebpCode" may code(1, 18): "电商平台代码";
        ebc_code "ebcCode" may code(1, 18): "电商企业代码";
        cop_no "copNo" must code(1, 20): "企业内部编号";
        pre_no "preNo" must code(18, 18): "预录入编号";
        invt_no "invtNo" may code(18, 18): "清单编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(1, 1000): "回执信息";
    }

    "CEB711 入库明细单表头"
    DeliveryHead {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        app_type "appType" must word("1", "2", "3"): "报送类型：1新增，2变更，3删除";
        app_time "appTime" must code(14, 14): "报送时间，YYYYMMDDhhmmss";
        app_status "appStatus" must word("1", "2"): "业务状态：1暂存，2申报";
        customs_code "customsCode" must code(4, 4): "申报地海关代码";
        cop_no "copNo" may code(0, 20): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        rkd_no "rkdNo" may code(0, 18): "入库单编号";
        operator_code "operatorCode" must code(1, 18): "监管场所经营人代码";
        operator_name "operatorName" must text(1, 100): "监管场所经营人名称";
        ie_flag "ieFlag" must code(1, 1): "进出口标志：I进口，E出口";
        traf_mode "trafMode" must code(1, 1): "运输方式代码";
        traf_no "trafNo" must text(1, 100): "运输工具编号";
        voyage_no "voyageNo" must code(1, 32): "航班航次号";
        bill_no "billNo" must code(1, 37): "提运单号";
        logistics_code "logisticsCode" must code(1, 18): "物流企业代码";
        logistics_name "logisticsName" must text(1, 100): "物流企业名称";
        unload_location "unloadLocation" may text(0, 100): "卸货存放位置";
        note "note" may text(0, 1000): "备注";
    }

    "CEB711 入库明细单表体"
    DeliveryList {
        gnum "gnum" must count(10): "商品序号，从1开始";
        logistics_no "logisticsNo" must code(1, 60): "物流运单编号";
        note "note" may text(0, 1000): "备注";
    }

    "CEB712 入库明细单回执"
    DeliveryReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        customs_code "customsCode" may code(4, 4): "申报地海关代码";
        operator_code "operatorCode" may code(1, 18): "监管场所经营人代码";
        cop_no "copNo" may code(0, 20): "企业内部编号";
        pre_no "preNo" may code(0, 18): "预录入编号";
        rkd_no "rkdNo" may code(0, 18): "入库单编号";
        return_status "returnStatus" must code(1, 10): "回执状态：正数为业务状态，负数为处理异常";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        return_info "returnInfo" must text(1, 1000): "回执信息";
    }

    "CEB816 电子税单表头"
    TaxHeadRd {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        invt_no "invtNo" must code(1, 18): "清单编号";
        tax_no "taxNo" must code(1, 50): "电子税单编号";
        customs_tax "customsTax" must decimal: "应征关税，元";
        value_added_tax "valueAddedTax" must decimal: "应征增值税，元";
        consumption_tax "consumptionTax" must decimal: "应征消费税，元";
        status "status" must code(1, 1): "税单状态：1已生成，2已汇总，3作废";
        ent_duty_no "entDutyNo" may code(0, 50): "缴款书编号";
        note "note" may text(0, 1000): "备注";
        assure_code "assureCode" may code(0, 64): "担保企业代码";
        ebc_code "ebcCode" may code(0, 64): "电商企业代码";
        logistics_code "logisticsCode" may code(0, 64): "物流企业代码";
        agent_code "agentCode" may code(1, 18): "申报企业代码";
        customs_code "customsCode" may code(4, 4): "申报地海关代码";
    } and_ignored {
        "orderNo" 60;
        "logisticsNo" 60;
    }

    "CEB816 电子税单表体"
    TaxListRd {
        gnum "gnum" must count(10): "商品序号，从1开始";
        gcode "gcode" must code(10, 10): "海关商品编码，10位";
        tax_price "taxPrice" must decimal: "完税总价格，元";
        customs_tax "customsTax" must decimal: "应征关税，元";
        value_added_tax "valueAddedTax" must decimal: "应征增值税，元";
        consumption_tax "consumptionTax" must decimal: "应征消费税，元";
    }

    "CEB818 电子税单状态表头"
    TaxHeadStatus {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        invt_no "invtNo" must code(1, 18): "清单编号";
        tax_no "taxNo" must code(1, 50): "电子税单编号";
        status "status" must code(1, 1): "税单状态：1已生成，2已汇总，3作废";
        ent_duty_no "entDutyNo" may code(0, 50): "缴款书编号";
        assure_code "assureCode" may code(0, 64): "担保企业代码";
    }

    "CEB900 报文格式校验回执"
    MessageReturn {
        guid "guid" must code(36, 36): "系统唯一序号，36位";
        return_status "returnStatus" must code(1, 10): "回执状态，负数表示格式校验异常";
        return_info "returnInfo" must text(0, 5000): "回执信息";
        return_time "returnTime" must code(17, 17): "回执时间，YYYYMMDDhhmmssSSS";
        ori_cop_msg_id "oriCopMsgId" must code(0, 255): "原始传输报文的CopMsgId";
        ori_message_type "oriMessageType" must code(0, 15): "原始报文的报文类型";
        ori_biz_message "oriBizMessage" must data: "原始报文内容";
    }
}
