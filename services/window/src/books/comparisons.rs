//! What must agree between the books of the services, a statement for each: it gives what differs, by its name with
//! both sides, in the order of names.
//!
//! A service that never ran has nothing in its books; what another one says of it is compared as soon as it has.

/// Two books, and what of them must agree.
#[derive(Debug)]
pub(super) struct BookComparison {
    /// As a program names it.
    pub(super) name: &'static str,
    /// In words, English and Chinese.
    pub(super) what: (&'static str, &'static str),
    /// Gives rows of a name and both sides, as texts.
    pub(super) sql: &'static str,
}

/// Money of one kind, over all.
#[derive(Debug)]
pub(super) struct BookSum {
    /// As a program names it.
    pub(super) name: &'static str,
    /// In words, English and Chinese.
    pub(super) what: (&'static str, &'static str),
    /// Gives rows of a currency and an amount in its smallest unit.
    pub(super) sql: &'static str,
}

/// Every comparison, in the order of a declaration's life.
pub(super) const COMPARISONS: &[BookComparison] = &[
    BookComparison {
        name: "declaration/release",
        what: (
            "a declaration is released ↔ it has one release of its version",
            "清单已放行 ↔ 有且仅有该版本的一份放行记录",
        ),
        sql: "select 'declarations/' || coalesce(d.id, r.declaration_id),
                     coalesce('phase ' || d.phase || ', version ' || d.version, 'nothing'),
                     coalesce('released in version ' || r.version, 'no release')
              from declaration.declaration d
              full join declaration.release r on r.slot = d.slot and r.declaration_id = d.id
              where (coalesce(d.phase, 0) = 3) <> (r.declaration_id is not null) or d.version <> r.version
              order by 1 limit 1000",
    },
    BookComparison {
        name: "declaration/journal",
        what: (
            "what a declaration names of the journal ↔ what the journal has about it",
            "清单所列事件 ↔ 事件日志中的记录",
        ),
        sql: "select 'declarations/' || d.id, cardinality(d.positions) || ' entries',
                     coalesce(j.entries, 0) || ' in the journal'
              from declaration.declaration d
              left join (select slot, subject, count(*) as entries from declaration.journal group by 1, 2) j
                   on j.slot = d.slot and j.subject = d.id
              where cardinality(d.positions) <> coalesce(j.entries, 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "journal/heads",
        what: (
            "the head of a journal ↔ its last entry, in every service",
            "各服务事件日志的表头 ↔ 最后一条记录",
        ),
        // Entries of the declaration service may be archived.
        sql: "select of.service || ' slot ' || of.slot, 'head ' || of.head, 'last entry ' || of.last
              from (select 'ceb' as service, slot, position as head,
                           (select coalesce(max(position), 0) from ceb.journal j where j.slot = h.slot) as last
                    from ceb.journal_head h
                    union all
                    select 'inspection', slot, position,
                           (select coalesce(max(position), 0) from inspection.journal j where j.slot = h.slot)
                    from inspection.journal_head h
                    union all
                    select 'payment', slot, position,
                           (select coalesce(max(position), 0) from payment.journal j where j.slot = h.slot)
                    from payment.journal_head h
                    union all
                    select 'payment ledger', slot, number,
                           (select coalesce(max(number), 0) from payment.entry j where j.slot = h.slot)
                    from payment.ledger_head h
                    union all
                    select 'refund', slot, position,
                           (select coalesce(max(position), 0) from refund.journal j where j.slot = h.slot)
                    from refund.journal_head h
                    union all
                    select 'declaration', slot, position, greatest(position,
                           (select coalesce(max(position), 0) from declaration.journal j where j.slot = h.slot))
                    from declaration.journal_head h) of
              where of.head <> of.last
              order by 1 limit 1000",
    },
    BookComparison {
        name: "declaration/national-door",
        what: (
            "a declaration is released ↔ its document of the national door is",
            "清单已放行 ↔ 其总署报文已放行",
        ),
        sql: "select 'CEB' || c.kind || ' ' || c.key, coalesce('phase ' || d.phase, 'no declaration'),
                     case when c.released_time is null then 'stands at ' || c.status
                          else 'released' end
              from ceb.document c
              left join declaration.declaration d on d.id = c.declaration_id
              where c.kind in (603, 621) and c.declaration_id is not null and not c.deleted
                and (d.id is null or (d.phase = 3) <> (c.released_time is not null))
              order by 1 limit 1000",
    },
    BookComparison {
        name: "declaration/inspection",
        what: (
            "the joint inspection of a declaration ↔ the order of the inspection service",
            "清单的联合查验 ↔ 查验服务的查验单",
        ),
        sql: "select 'declarations/' || coalesce(a.declaration_id, b.declaration_id),
                     coalesce('order ' || a.order_id || ', ' || (array['open', 'done', 'cancelled'])[a.state],
                              'no order'),
                     coalesce('order ' || b.order_id || ', stage ' || b.stage, 'no order')
              from declaration.joint_inspection a
              full join inspection.joint_order b on b.slot = a.slot and b.declaration_id = a.declaration_id
              where (a.order_id is distinct from b.order_id or (a.state = 3) <> (b.stage = 11)
                     or a.state = 2 and not b.completed)
                and exists (select from inspection.consignment)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "declaration/duty",
        what: (
            "where an import stands ↔ where its duty stands",
            "进口清单状态 ↔ 其税款状态",
        ),
        sql: "select 'declarations/' || coalesce(d.id, u.declaration_id),
                     coalesce('phase ' || d.phase || ', version ' || d.version, 'no declaration'),
                     coalesce('duty of version ' || u.version || ', '
                              || (array['cannot be computed', 'short', 'secured', 'ended', 'billed',
                                        'over a limit'])[u.state], 'no duty')
              from declaration.declaration d
              full join payment.duty u on u.slot = d.slot and u.declaration_id = d.id
              where d.id is null
                 or u.declaration_id is null and d.phase = 3 and substr(d.stands, 4, 1) between '1' and '8'
                 or d.phase = 3 and (u.state <> 5 or u.version <> d.version)
                 or d.phase <> 3 and u.state = 5
                 or d.phase in (4, 5, 6) and u.state in (2, 3)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "duty/hold",
        what: (
            "what is to be held for a duty ↔ what the ledger holds for it",
            "税款应冻结额 ↔ 账簿冻结额",
        ),
        sql: "select 'declarations/' || u.declaration_id,
                     (array['cannot be computed', 'short', 'secured', 'ended', 'billed', 'over a limit'])[u.state]
                     || ', ' || (u.amount_fen / 100.0)::numeric(20, 2) || ' CNY'
                     || coalesce(', bill ' || (array['made out', 'collected', 'void'])[b.status], '')
                     || case when o.paid_time is null then '' else ', paid' end,
                     coalesce((h.amount / 100.0)::numeric(20, 2) || ' CNY '
                              || (array['held', 'posted', 'freed', 'expired'])[h.state], 'nothing held')
              from payment.duty u
              left join payment.hold h on h.slot = u.payer_slot and h.id = u.hold_id
              left join payment.bill b on b.slot = u.payer_slot and b.declaration_id = u.declaration_id
              left join payment.duty_order o on o.slot = b.slot and o.ent_duty_no = b.ent_duty_no
              where u.amount_fen > 0
                and case when u.state = 3 or u.state = 5 and b.status <> 3 and o.paid_time is null
                         then h.state is distinct from 1 or h.amount <> u.amount_fen
                         else coalesce(h.state = 1, false) end
              order by 1 limit 1000",
    },
    BookComparison {
        name: "hold/duty",
        what: ("what the ledger holds for a declaration ↔ its duty", "账簿对清单的冻结 ↔ 其税款"),
        sql: "select 'declarations/' || h.declaration_id, coalesce('hold ' || u.hold_id, 'no hold'),
                     'hold ' || h.id || ' of ' || (h.amount / 100.0)::numeric(20, 2) || ' ' || h.currency
              from payment.hold h
              left join payment.duty u on u.declaration_id = h.declaration_id
              where h.state = 1 and h.declaration_id is not null and u.hold_id is distinct from h.id
              order by 1 limit 1000",
    },
    BookComparison {
        name: "duty/bill",
        what: ("a duty that is billed ↔ its bill", "已开税单的税款 ↔ 税单"),
        sql: "select 'declarations/' || coalesce(u.declaration_id, b.declaration_id),
                     coalesce(u.payer || ' owes ' || (u.amount_fen / 100.0)::numeric(20, 2) || ' CNY for '
                              || u.invt_no, 'not billed'),
                     coalesce(b.payer || ' is billed '
                              || ((b.customs_tax_fen + b.vat_fen + b.consumption_fen) / 100.0)::numeric(20, 2)
                              || ' CNY for ' || b.invt_no, 'no bill')
              from (select * from payment.duty where state = 5) u
              full join payment.bill b on b.slot = u.payer_slot and b.declaration_id = u.declaration_id
              where u.declaration_id is null or b.declaration_id is null
                 or (u.payer, u.invt_no, u.amount_fen)
                    <> (b.payer, b.invt_no, b.customs_tax_fen + b.vat_fen + b.consumption_fen)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "bill/ledger",
        what: (
            "what a bill says and what was given back of it ↔ what the ledger moved for it",
            "税单税额与退还额 ↔ 账簿所记",
        ),
        sql: "select 'declarations/' || coalesce(b.declaration_id, m.declaration_id),
                     'bill of ' || (coalesce(b.billed, 0) / 100.0)::numeric(20, 2) || ' CNY, '
                     || (coalesce(b.returned_fen, 0) / 100.0)::numeric(20, 2) || ' given back',
                     'entries of ' || (coalesce(m.billed, 0) / 100.0)::numeric(20, 2) || ' CNY, '
                     || (coalesce(m.back, 0) / 100.0)::numeric(20, 2) || ' given back'
              from (select slot, declaration_id, returned_fen,
                           customs_tax_fen + vat_fen + consumption_fen as billed from payment.bill) b
              full join (select e.slot, e.declaration_id,
                                sum(l.amount) filter (where e.event = 'bill.made_out') as billed,
                                sum(l.amount) filter (where e.event = 'bill.given_back') as back
                         from payment.entry e join payment.leg l on l.slot = e.slot and l.number = e.number
                         where e.event in ('bill.made_out', 'bill.given_back') and not l.held
                         group by 1, 2) m on m.slot = b.slot and m.declaration_id = b.declaration_id
              where coalesce(b.billed, 0) <> coalesce(m.billed, 0)
                 or coalesce(b.returned_fen, 0) <> coalesce(m.back, 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "bill/order",
        what: (
            "bills that were collected ↔ their payment order, and what the ledger has as paid",
            "已汇总税单 ↔ 缴款书与账簿所记缴款",
        ),
        sql: "select 'payment order ' || coalesce(o.ent_duty_no, b.ent_duty_no),
                     coalesce(b.bills || ' bills, ' || (b.left_fen / 100.0)::numeric(20, 2) || ' of '
                              || (b.billed / 100.0)::numeric(20, 2) || ' CNY left', 'no bills')
                     || ', entries of ' || (coalesce(p.paid, 0) / 100.0)::numeric(20, 2) || ' CNY paid',
                     coalesce(o.bills || ' bills, ' || (o.amount_fen / 100.0)::numeric(20, 2) || ' CNY, '
                              || (o.paid_fen / 100.0)::numeric(20, 2) || ' paid', 'no order')
              from payment.duty_order o
              full join (select slot, ent_duty_no, count(*) as bills,
                                sum(customs_tax_fen + vat_fen + consumption_fen) as billed,
                                sum(customs_tax_fen + vat_fen + consumption_fen - returned_fen) as left_fen
                         from payment.bill where status = 2 group by 1, 2) b
                   on b.slot = o.slot and b.ent_duty_no = o.ent_duty_no
              left join (select e.slot, split_part(e.rule, ' ', 1) as ent_duty_no, sum(l.amount) as paid
                         from payment.entry e join payment.leg l on l.slot = e.slot and l.number = e.number
                         where e.event = 'duty.paid' and l.to_purpose = 2 and not l.held group by 1, 2) p
                   on p.slot = o.slot and p.ent_duty_no = o.ent_duty_no
              where o.bills is distinct from b.bills
                 or o.amount_fen not between b.left_fen and b.billed
                 or o.paid_fen <> coalesce(p.paid, 0)
                 or (o.paid_time is not null) <> (o.paid_fen >= o.amount_fen)
                    and (o.paid_time is not null or o.amount_fen > 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "limit/purchases",
        what: ("what a buyer used of a year ↔ the purchases", "个人年度已用额度 ↔ 各笔交易"),
        sql: "select 'buyer ' || left(encode(coalesce(y.person, p.person), 'hex'), 12) || ' '
                     || coalesce(y.year, p.year),
                     coalesce((y.used_fen / 100.0)::numeric(20, 2), 0) || ' CNY used',
                     coalesce((p.used / 100.0)::numeric(20, 2), 0) || ' CNY bought and not given back'
              from payment.person_year y
              full join (select person, year, sum(amount_fen - restored_fen) as used
                         from payment.person_purchase group by 1, 2) p
                   on p.person = y.person and p.year = y.year
              where coalesce(y.used_fen, 0) <> coalesce(p.used, 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "limit/duty",
        what: (
            "a purchase is given back to its year ↔ its duty ended, or its goods came back",
            "交易额度已恢复 ↔ 税款已终止或货物已退回",
        ),
        sql: "select 'declarations/' || p.declaration_id,
                     (p.restored_fen / 100.0)::numeric(20, 2) || ' of ' || (p.amount_fen / 100.0)::numeric(20, 2)
                     || ' CNY given back',
                     coalesce('duty ' || (array['cannot be computed', 'short', 'secured', 'ended', 'billed',
                                                'over a limit'])[u.state], 'no duty')
                     || coalesce(', bill ' || (array['made out', 'collected', 'void'])[b.status] || ', '
                                 || (b.returned_fen / 100.0)::numeric(20, 2) || ' CNY given back', '')
              from payment.person_purchase p
              left join payment.duty u on u.slot = p.slot and u.declaration_id = p.declaration_id
              left join payment.bill b on b.slot = u.payer_slot and b.declaration_id = u.declaration_id
              where u.state is null
                 or u.state in (2, 3) and p.restored_fen <> 0
                 or (u.state = 4 or b.status = 3) and p.restored_fen <> p.amount_fen
                 or b.returned_fen > 0 and p.restored_fen = 0
              order by 1 limit 1000",
    },
    BookComparison {
        name: "return/accepted",
        what: (
            "returns that customs accepted (625) ↔ goods that the site waits for, or counted",
            "海关受理的退货(625) ↔ 监管场所待退或已理货的退货",
        ),
        sql: "select 'declarations/' || b.declaration_id, coalesce(c.accepted, 0) || ' accepted',
                     coalesce(r.returns, 0) || ' awaited or counted'
              from payment.bill b
              left join (select invt_no, count(*) as accepted from ceb.document
                         where kind = 625 and status = 800 and invt_no <> '' and not deleted group by 1) c
                   on c.invt_no = b.invt_no
              left join (select declaration_id, count(*) as returns from payment.import_return group by 1) r
                   on r.declaration_id = b.declaration_id
              where coalesce(c.accepted, 0) <> coalesce(r.returns, 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "return/bill",
        what: (
            "what was given back for goods that the site counted ↔ what was given back of the bill",
            "理货退货的退税额 ↔ 税单退还额",
        ),
        sql: "select 'declarations/' || coalesce(b.declaration_id, r.declaration_id),
                     (coalesce(r.returned, 0) / 100.0)::numeric(20, 2) || ' CNY for '
                     || coalesce(r.returns, 0) || ' returns',
                     coalesce((b.returned_fen / 100.0)::numeric(20, 2) || ' CNY given back of the bill', 'no bill')
              from payment.bill b
              full join (select slot, declaration_id, count(*) as returns, sum(returned_fen) as returned
                         from payment.import_return group by 1, 2) r
                   on r.slot = b.slot and r.declaration_id = b.declaration_id
              where b.returned_fen is distinct from coalesce(r.returned, 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "declaration/sale",
        what: (
            "where an export stands ↔ whether its money is due",
            "出口清单状态 ↔ 应收外汇状态",
        ),
        sql: "select 'declarations/' || s.declaration_id,
                     coalesce('phase ' || d.phase || ', order ' || d.order_no || ' of ' || d.ebc_code,
                              'no declaration'),
                     (array['filed', 'due', 'ended'])[s.state] || ', order ' || s.order_no || ' of ' || s.ebc_code
              from payment.export_sale s
              left join declaration.declaration d on d.slot = s.slot and d.id = s.declaration_id
              where d.id is null or (d.phase = 3) <> (s.state = 2) or (d.phase in (4, 5, 6)) <> (s.state = 3)
                 or (d.order_no, d.ebc_code) <> (s.order_no, s.ebc_code)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "sale/ledger",
        what: ("what is due for an export ↔ what the ledger has", "出口应收 ↔ 账簿所记"),
        sql: "select 'declarations/' || coalesce(s.declaration_id, m.declaration_id),
                     coalesce(s.amount || ' ' || s.currency || ' in the smallest unit', 'nothing due'),
                     coalesce(m.amount || ' ' || m.currency || ' in the smallest unit', 'no entry')
              from (select * from payment.export_sale where state = 2) s
              full join (select e.declaration_id, l.currency, sum(l.amount) as amount
                         from payment.entry e join payment.leg l on l.slot = e.slot and l.number = e.number
                         where e.event = 'sale.released' and not l.held group by 1, 2) m
                   on m.declaration_id = s.declaration_id
              where (s.amount, s.currency) is distinct from (m.amount, m.currency)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "sale/receipts",
        what: (
            "what came for an export and what of it was settled ↔ the receipts that are matched with it",
            "出口清单的收汇与结汇 ↔ 匹配的收汇",
        ),
        sql: "select 'declarations/' || s.declaration_id,
                     s.received || ' received by ' || s.receipts || ', ' || s.settled || ' settled or kept',
                     coalesce(m.received, 0) || ' matched of ' || coalesce(m.receipts, 0) || ', at least '
                     || coalesce(m.settled, 0) || ' settled or kept'
              from payment.export_sale s
              left join (select m.declaration_id, count(*) as receipts, sum(m.amount + m.fee) as received,
                                sum(m.settled) as settled
                         from payment.receipt_match m group by 1) m on m.declaration_id = s.declaration_id
              where (s.received, s.receipts) <> (coalesce(m.received, 0), coalesce(m.receipts, 0))
                 or s.settled not between coalesce(m.settled, 0) and s.received
              order by 1 limit 1000",
    },
    BookComparison {
        name: "receipt/settlements",
        what: ("what of a receipt was settled ↔ what banks executed", "收汇的结汇额 ↔ 银行执行额"),
        sql: "select 'receipt ' || r.id, r.settled || ' ' || r.currency || ' settled, ' || r.ordered || ' ordered',
                     coalesce(s.sold, 0) || ' sold, ' || coalesce(s.open, 0) || ' under way'
              from payment.forex_receipt r
              left join (select receipt_id, sum(executed_sold) filter (where state in (3, 4)) as sold,
                                sum(settlement.sold) filter (where state in (1, 2)) as open
                         from payment.settlement group by 1) s on s.receipt_id = r.id
              where r.settled <> coalesce(s.sold, 0) or r.ordered <> coalesce(s.open, 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "declaration/export-lines",
        what: (
            "where an export stands ↔ the lines of the tax refund",
            "出口清单状态 ↔ 退税明细",
        ),
        sql: "select 'declarations/' || e.declaration_id,
                     coalesce('phase ' || d.phase || ', version ' || d.version || ', order ' || d.order_no || ' of '
                              || d.ebc_code, 'no declaration'),
                     e.stand || ', version ' || e.version || ', order ' || e.order_no || ' of ' || e.firm
              from (select declaration_id, version, order_no, firm, 'released' as stand from refund.export_line
                    union
                    select declaration_id, version, order_no, firm, 'not released' from refund.unreleased_export) e
              left join declaration.declaration d on d.id = e.declaration_id
              where d.id is null or d.phase in (4, 5, 6) or (d.phase = 3) <> (e.stand = 'released')
                 or (d.version, d.order_no, d.ebc_code) <> (e.version, e.order_no, e.firm)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "sale/export-lines",
        what: (
            "the money for an export ↔ the money that the tax refund knows of",
            "出口收结汇 ↔ 退税明细所知收汇",
        ),
        // A firm may prove by its own word that money counts as in.
        sql: "select 'declarations/' || e.declaration_id || '/lines/' || e.line,
                     s.received || ' of ' || s.amount || ' ' || s.currency || ' received, ' || s.settled
                     || ' settled or kept',
                     (array['awaited', 'received', 'settled'])[e.money]
              from refund.export_line e
              join payment.export_sale s on s.declaration_id = e.declaration_id
              where s.state = 2 and e.money < case when s.settled >= s.amount then 3
                                                   when s.received >= s.amount then 2 else 1 end
              order by 1 limit 1000",
    },
    BookComparison {
        name: "export-lines/purchases",
        what: (
            "the quantity of an export line that was bought ↔ its parts of invoices",
            "出口明细的进货数量 ↔ 所用发票数量",
        ),
        sql: "select 'declarations/' || e.declaration_id || '/lines/' || e.line,
                     (e.bought_e5 / 100000.0)::numeric(20, 5) || ' bought',
                     (coalesce(p.qty, 0) / 100000.0)::numeric(20, 5) || ' in its parts of invoices'
              from refund.export_line e
              left join (select declaration_id, export_line, sum(qty_e5) as qty from refund.purchase group by 1, 2) p
                   on p.declaration_id = e.declaration_id and p.export_line = e.line
              where e.bought_e5 <> coalesce(p.qty, 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "export-lines/claims",
        what: (
            "the quantity of an export line that was claimed ↔ the lines of claims that hold it",
            "出口明细的申报数量 ↔ 占用该数量的申报明细",
        ),
        sql: "select 'declarations/' || e.declaration_id || '/lines/' || e.line,
                     (e.claimed_e5 / 100000.0)::numeric(20, 5) || ' claimed',
                     (coalesce(c.qty, 0) / 100000.0)::numeric(20, 5) || ' in lines of claims'
              from refund.export_line e
              left join (select declaration_id, export_line,
                                sum(qty_e5 - case when state = 7 then reversed_e5 else 0 end) as qty
                         from refund.claim_line
                         where state not in (3, 9) and not (state = 4 and consequence = 1) group by 1, 2) c
                   on c.declaration_id = e.declaration_id and c.export_line = e.line
              where e.claimed_e5 <> coalesce(c.qty, 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "export-lines/returns",
        what: (
            "the quantity of an export line that came back or was sold ↔ applications and reports",
            "出口明细的退运与售出数量 ↔ 退货申请与销售报告",
        ),
        sql: "select 'declarations/' || e.declaration_id || '/lines/' || e.line,
                     (e.returned_e5 / 100000.0)::numeric(20, 5) || ' came back, '
                     || (e.sold_e5 / 100000.0)::numeric(20, 5) || ' sold',
                     (coalesce(r.qty, 0) / 100000.0)::numeric(20, 5) || ' by applications, '
                     || (coalesce(s.qty, 0) / 100000.0)::numeric(20, 5) || ' by reports'
              from refund.export_line e
              left join (select declaration_id, line, sum(qty_e5) as qty from refund.export_return group by 1, 2) r
                   on r.declaration_id = e.declaration_id and r.line = e.line
              left join (select declaration_id, line, sum(qty_e5) as qty from refund.sales_report group by 1, 2) s
                   on s.declaration_id = e.declaration_id and s.line = e.line
              where e.returned_e5 <> least(coalesce(r.qty, 0), e.qty_e5) or e.sold_e5 <> coalesce(s.qty, 0)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "invoices/lines",
        what: ("the amounts of an invoice ↔ its lines", "发票金额 ↔ 发票行"),
        sql: "select 'invoices/' || i.code || '-' || i.number,
                     (i.net_fen / 100.0)::numeric(20, 2) || ' CNY and ' || (i.tax_fen / 100.0)::numeric(20, 2)
                     || ' of tax',
                     (coalesce(l.net, 0) / 100.0)::numeric(20, 2) || ' CNY and '
                     || (coalesce(l.tax, 0) / 100.0)::numeric(20, 2) || ' of tax'
              from refund.invoice i
              left join (select slot, code, number, sum(net_fen) as net, sum(tax_fen) as tax
                         from refund.invoice_line group by 1, 2, 3) l
                   on l.slot = i.slot and l.code = i.code and l.number = i.number
              where (i.net_fen, i.tax_fen) is distinct from (l.net, l.tax)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "invoices/purchases",
        what: (
            "what an invoice line says is used ↔ its parts that belong to exports",
            "发票行已用 ↔ 归属出口的部分",
        ),
        sql: "select 'invoices/' || l.code || '-' || l.number || ' line ' || l.line,
                     (l.used_e5 / 100000.0)::numeric(20, 5) || ' for ' || (l.used_fen / 100.0)::numeric(20, 2)
                     || ' CNY used',
                     (coalesce(p.qty, 0) / 100000.0)::numeric(20, 5) || ' for '
                     || (coalesce(p.net, 0) / 100.0)::numeric(20, 2) || ' CNY in parts'
              from refund.invoice_line l
              left join (select slot, code, number, line, sum(qty_e5) as qty, sum(net_fen) as net
                         from refund.purchase group by 1, 2, 3, 4) p
                   on p.slot = l.slot and p.code = l.code and p.number = l.number and p.line = l.line
              where (l.used_e5, l.used_fen) <> (coalesce(p.qty, 0), coalesce(p.net, 0))
              order by 1 limit 1000",
    },
    BookComparison {
        name: "claims/purchases",
        what: (
            "what lines of claims use of invoices ↔ the parts that belong to their exports",
            "申报明细使用的发票 ↔ 归属其出口的部分",
        ),
        sql: "select 'declarations/' || c.declaration_id || '/lines/' || c.export_line || ' by invoices/' || c.code
                     || '-' || c.number,
                     (c.qty / 100000.0)::numeric(20, 5) || ' for ' || (c.net / 100.0)::numeric(20, 2)
                     || ' CNY claimed',
                     (coalesce(p.qty_e5, 0) / 100000.0)::numeric(20, 5) || ' for '
                     || (coalesce(p.net_fen, 0) / 100.0)::numeric(20, 2) || ' CNY bought'
              from (select slot, declaration_id, export_line, code, number, invoice_line,
                           sum(qty_e5 - reversed_e5) as qty,
                           sum(net_fen) filter (where reversed_e5 = 0) as net
                    from refund.claim_line
                    where state not in (3, 9) and not (state = 4 and consequence = 1) and number <> ''
                    group by 1, 2, 3, 4, 5, 6) c
              left join refund.purchase p
                   on p.slot = c.slot and p.declaration_id = c.declaration_id and p.export_line = c.export_line
                  and p.code = c.code and p.number = c.number and p.line = c.invoice_line
              where p.qty_e5 is null or c.qty > p.qty_e5 or c.net > p.net_fen
              order by 1 limit 1000",
    },
    BookComparison {
        name: "claims/lines",
        what: (
            "what a claim says of its lines and its money ↔ its lines",
            "申报汇总 ↔ 申报明细",
        ),
        sql: "select 'refunds/' || c.firm || '-' || c.month || '-' || c.batch,
                     c.lines || ' lines, ' || c.undecided || ' undecided, ' || c.queried || ' asked about, '
                     || c.ended || ' ended, ' || c.goods_back || ' with goods back, ' || c.invoice_invalid
                     || ' with an invalid invoice; claimed '
                     || (c.amount_fen / 100.0)::numeric(20, 2) || ', approved '
                     || (c.approved_fen / 100.0)::numeric(20, 2) || ', paid '
                     || (c.paid_fen / 100.0)::numeric(20, 2) || ', paid back '
                     || (c.repaid_fen / 100.0)::numeric(20, 2) || ' CNY',
                     l.lines || ' lines, ' || l.undecided || ' undecided, ' || l.queried || ' asked about, '
                     || l.ended || ' ended, ' || l.goods_back || ' with goods back, ' || l.invoice_invalid
                     || ' with an invalid invoice; claimed '
                     || (l.amount / 100.0)::numeric(20, 2) || ', approved '
                     || (l.approved / 100.0)::numeric(20, 2) || ', paid '
                     || (l.paid / 100.0)::numeric(20, 2) || ', paid back '
                     || (l.repaid / 100.0)::numeric(20, 2) || ' CNY'
              from refund.claim c
              join lateral (
                  select count(*) as lines, count(*) filter (where state in (1, 2)) as undecided,
                         count(*) filter (where state = 2) as queried,
                         count(*) filter (where state in (3, 4, 7, 9) or state = 6 and not advance) as ended,
                         count(*) filter (where goods_back and state not in (3, 4, 9)) as goods_back,
                         count(*) filter (where invoice_invalid and state not in (3, 4, 9)) as invoice_invalid,
                         coalesce(sum(amount_fen), 0) as amount,
                         coalesce(sum(fen) filter (where state = 5), 0) as approved,
                         coalesce(sum(paid_fen), 0) as paid, coalesce(sum(repaid_fen), 0) as repaid
                  from refund.claim_line l
                  where l.slot = c.slot and l.firm = c.firm and l.month = c.month and l.batch = c.batch
              ) l on true
              where (c.lines, c.undecided, c.queried, c.ended, c.goods_back, c.invoice_invalid, c.amount_fen,
                     c.approved_fen, c.paid_fen, c.repaid_fen)
                    <> (l.lines, l.undecided, l.queried, l.ended, l.goods_back, l.invoice_invalid, l.amount,
                        l.approved, l.paid, l.repaid)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "claims/ledger",
        what: (
            "tax refunds that were paid and recovered by claims ↔ entries of the ledger",
            "退税申报的已退与追回 ↔ 账簿所记",
        ),
        // A window without a payment service has no ledger.
        sql: "select coalesce(c.name, e.name),
                     (coalesce(c.paid_fen, 0) / 100.0)::numeric(20, 2) || ' CNY paid, '
                     || (coalesce(c.repaid_fen, 0) / 100.0)::numeric(20, 2) || ' paid back by the claim',
                     (coalesce(e.paid, 0) / 100.0)::numeric(20, 2) || ' CNY paid, '
                     || (coalesce(e.repaid, 0) / 100.0)::numeric(20, 2) || ' recovered in '
                     || coalesce(e.entries, 0) || ' entries'
              from (select 'refunds/' || firm || '-' || month || '-' || batch as name, paid_fen, repaid_fen
                    from refund.claim where paid_fen <> 0 or repaid_fen <> 0) c
              full join (select split_part(e.rule, ' ', 2) as name, count(*) as entries,
                                sum(l.amount) filter (where e.event = 'tax_refund.paid') as paid,
                                sum(l.amount) filter (where e.event = 'tax_refund.recovered') as repaid
                         from payment.entry e join payment.leg l on l.slot = e.slot and l.number = e.number
                         where e.event in ('tax_refund.paid', 'tax_refund.recovered') and not l.held
                         group by 1) e on e.name = c.name
              where (coalesce(c.paid_fen, 0) <> coalesce(e.paid, 0)
                     or coalesce(c.repaid_fen, 0) <> coalesce(e.repaid, 0))
                and exists (select from payment.refund_watch)
              order by 1 limit 1000",
    },
    BookComparison {
        name: "claims/months",
        what: (
            "what a month of a producer brought forward ↔ what the month before left",
            "生产企业上期结转 ↔ 上期留抵",
        ),
        sql: "select 'refunds/' || firm || '-' || month || '-' || batch,
                     (brought_credit_fen / 100.0)::numeric(20, 2) || ' CNY and '
                     || (brought_short_fen / 100.0)::numeric(20, 2) || ' short brought',
                     (before_credit / 100.0)::numeric(20, 2) || ' CNY and '
                     || (before_short / 100.0)::numeric(20, 2) || ' short left'
              from (select *, coalesce(lag(carry_credit_fen) over months, 0) as before_credit,
                           coalesce(lag(carry_short_fen) over months, 0) as before_short
                    from refund.claim where method = 2 and state <> 5
                    window months as (partition by firm order by month, batch)) c
              where (brought_credit_fen, brought_short_fen) <> (before_credit, before_short)
              order by 1 limit 1000",
    },
];

/// Where the money is.
pub(super) const SUMS: &[BookSum] = &[
    BookSum {
        name: "duty/secured",
        what: ("tax that is secured, not billed", "已担保未开税单的税款"),
        sql: "select 'CNY', sum(amount_fen)::bigint from payment.duty where state = 3",
    },
    BookSum {
        name: "bill/billed",
        what: ("tax that was billed", "已开税单"),
        sql: "select 'CNY', sum(customs_tax_fen + vat_fen + consumption_fen)::bigint from payment.bill",
    },
    BookSum {
        name: "bill/given-back",
        what: ("given back of it, for goods that came back", "其中因退货退还"),
        sql: "select 'CNY', sum(returned_fen)::bigint from payment.bill",
    },
    BookSum {
        name: "bill/to-collect",
        what: ("of what is left, to be collected", "余额中待汇总"),
        sql: "select 'CNY', sum(customs_tax_fen + vat_fen + consumption_fen - returned_fen)::bigint
              from payment.bill where status <> 2",
    },
    BookSum {
        name: "order/paid",
        what: ("paid by payment orders", "已按缴款书缴纳"),
        sql: "select 'CNY', sum(paid_fen)::bigint from payment.duty_order",
    },
    BookSum {
        name: "sale/due",
        what: ("due for exports", "出口应收"),
        sql: "select currency, sum(amount)::bigint from payment.export_sale where state = 2 group by 1 order by 1",
    },
    BookSum {
        name: "sale/received",
        what: ("received for them", "其中已收"),
        sql: "select currency, sum(received)::bigint from payment.export_sale group by 1 order by 1",
    },
    BookSum {
        name: "settlement/executed",
        what: ("bought by settling", "结汇所得"),
        sql: "select 'CNY', sum(executed_fen)::bigint from payment.settlement",
    },
    BookSum {
        name: "claim/claimed",
        what: ("tax refunds in claims", "申报退税"),
        sql: "select 'CNY', sum(amount_fen)::bigint from refund.claim where state <> 5",
    },
    BookSum {
        name: "claim/paid",
        what: ("paid of them", "其中已退税"),
        sql: "select 'CNY', sum(paid_fen)::bigint from refund.claim",
    },
    BookSum {
        name: "claim/repaid",
        what: ("paid back", "已追回"),
        sql: "select 'CNY', sum(repaid_fen)::bigint from refund.claim",
    },
];
