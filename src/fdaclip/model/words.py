"""The vocabulary of a small model for which no words are given: common words of captions."""

_TEXT = """
a about above across after again against all along an and animal another are around as at away
baby back bag ball beach bear behind below beside between bicycle big bike bird black block blue
boat body book bottle bottom bounces bouncing box boy bread bridge bright brown building bus by
camera can car cars cat chair child circle circles city clear climbing close closes cloud clouds
coat cold colored comes coming cooking cross crosses crowd cube cup curve cuts cutting dances
dancing dark day diagonal diamond dog dogs door down downward downwards draws drink drives
driving each eating edge eight face falling falls fast field fire fish five flag flies floats
floor flower flying food forest forward four from front game gently girl glass goes going grass
gray green grey ground group guitar hair hall hand hands hat head heart her high hill his hits
holding holds horse hot house ice in inside into is it its jump jumping jumps kicks kitchen lake
large leaf leaves left light lights line little long looking loop low machine making man market
meadow men metal middle morning motion mountain mouth moves moving music near next night no not
object of off old on one onto opening opens orange other out outside over page paints paper park
passes people person phone piano picture pink plane plant plate playing plays pours puppy purple
quick quickly rain reads red rests ride riding right ring rises river road rock rocks rolling
rolls room round row rows run running runs sand scene screen sea shakes shape shapes sheep ship
shirt shot show shows side sings sits sitting six sky sleeping slides sliding slow slowly small
smile smoke snow some speed spinning spins square squares stage standing stands star stars
static stays still stone street swim swimming swims swings table taking talking tall tennis the
their them then there thing this three through throws to together top toward towards town toy
track train tree trees triangle triangles truck turning turns two umbrella under up upward
upwards very view violet walk walking walks wall water waves wheel while white wide wind window
winds with woman women wood working yellow young zigzag
"""
WORDS = tuple(_TEXT.split())
